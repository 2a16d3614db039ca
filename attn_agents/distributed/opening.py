"""What of a run other hosts can reach: nothing, or Reverb's own ports.

Between hosts, `serving.py` is the way that needs a key. This is the direct one,
for a network that nobody else is in: Reverb listens on every address of the
learner host, and authenticates nobody.
"""

import dataclasses
import time

from attn_agents.distributed import isolation, topology
from attn_agents.distributed.relay import addresses
from attn_agents.utils import machine
from configs import errors

_AGAIN_SECONDS = 1.0
_TRY_SECONDS = 10.0


def confine(place: topology.Topology, allow_open_ports: bool) -> str:
  """Cuts this process off the network, and says how in one line.

  Args:
    place: of a run on this host alone.
    allow_open_ports: whether it may run if that is not possible.

  Raises:
    ConfigError: it is not, and it may not.
  """
  if place.runtime == 'threads':
    return 'opens no ports'
  ports = _named_ports(place)
  result = isolation.confine_to_loopback()
  if result.confined:
    return f'confined to loopback ({result.detail}), ports {ports}'
  if not allow_open_ports:
    raise errors.ConfigError(
      f'this run cannot confine itself to loopback ({result.detail}): ports '
      f'{ports} would be open to the network without authentication; '
      '--runtime=threads opens none; if something else keeps others out (a '
      'container without a network, a NetworkPolicy, a firewall) or open ports '
      'are acceptable here, pass --allow_open_ports'
    )
  return (
    f'NOT confined ({result.detail}): whoever reaches ports {ports} of this '
    'machine or container can write to them; only what lies around it (a '
    'NetworkPolicy, a firewall) keeps others out'
  )


def open_to_hosts(place: topology.Topology, address: str) -> topology.Topology:
  """Has the servers listen where other hosts reach them.

  Args:
    place: of the run.
    address: 'address:port' for actor hosts, of which the queue gets the port
      and the parameters the next one; '' if there are none.

  Raises:
    ConfigError: it is no such address, or a port cannot be had.
  """
  if not address:
    return place
  _, port = addresses.parse(address, '--listen')
  for each in (port, port + 1):
    try:
      machine.check_port(each)
    except (OSError, OverflowError) as error:
      raise errors.ConfigError(
        f'--listen={address} with --allow_open_ports: port {each} cannot be '
        f'had ({error}); expected two free ports, {port} and {port + 1}'
      ) from None
  return dataclasses.replace(
    place,
    queue_address=f'127.0.0.1:{port}',
    variables_address=f'127.0.0.1:{port + 1}',
    has_actor_hosts=True,
  )


def describe(place: topology.Topology) -> str:
  """What is open, for whoever starts the run."""
  return (
    f'OPEN: ports {_named_ports(place)} of every address of this host '
    f'({", ".join(addresses.own_addresses()[:4])}), without TLS and without a '
    'key: whoever reaches them can read and replace trajectories and parameters'
  )


def reach_directly(
  place: topology.Topology, learner_address: str, seconds: float
) -> topology.Topology:
  """Has actors connect to the open ports of a learner host.

  Args:
    place: of an actor host.
    learner_address: 'host:port', the --listen of a learner host.
    seconds: to wait for it.

  Raises:
    ConfigError: it does not answer in time.
  """
  host, port = addresses.parse(learner_address, '--learner_address')
  shown = f'[{host}]' if ':' in host else host
  found = [f'{shown}:{x}' for x in (port, port + 1)]
  end = time.monotonic() + seconds
  for each in found:
    while True:
      try:
        addresses.connect(each, _TRY_SECONDS).close()
        break
      except OSError as error:
        if time.monotonic() > end:
          raise errors.ConfigError(
            f'--learner_address={learner_address}: {each} does not answer '
            f'({error.strerror or error}) for {seconds:g} seconds; expected a '
            'learner host that runs with --listen of that address and '
            '--allow_open_ports'
          ) from None
      time.sleep(_AGAIN_SECONDS)
  return dataclasses.replace(
    place, queue_address=found[0], variables_address=found[1]
  )


def _named_ports(place: topology.Topology) -> str:
  return ' and '.join(
    str(topology.port_of(address))
    for address in (place.queue_address, place.variables_address)
  )
