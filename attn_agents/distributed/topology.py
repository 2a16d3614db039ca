"""Which process runs where: plain data that describes a whole run."""

import argparse
import dataclasses
import errno
import json

from attn_agents.utils import machine
from configs import errors, schema

_LOOPBACK = '127.0.0.1'


@dataclasses.dataclass(frozen=True)
class Hosts:
  """The learner hosts of a run.

  Attributes:
    address: 'host:port' of JAX's coordinator, which is on host 0.
    count: of them.
    index: of this one.
    how: it is known, in words.
    seconds: how long hosts wait for one another at the start.
  """

  address: str
  count: int
  index: int
  how: str = 'asked for'
  seconds: float = 300.0


@dataclasses.dataclass(frozen=True)
class Topology:
  """The processes of one run and where they find each other.

  Attributes:
    logdir: the run's directory, as each process sees it.
    queue_address, variables_address: 'host:port' of the Reverb servers.
    actors: indices of the actors that run here.
    envs_per_actor: environments of each; the same on all hosts, since it is
      the shape of the queue's items.
    devices: local devices the learner uses, all of them if 0.
    host_index: number of this host, part of every seed.
    serve: whether the Reverb servers and the learner run here; False for a host
      with actors only.
    runtime: 'launchpad' for several processes, 'threads' for one, which has no
      addresses.
    evaluate: whether an evaluator runs beside the learner.
    num_hosts: learner hosts, each with its own servers and actors.
    coordinator: 'host:port' where the learner of host 0 has JAX's coordinator;
      '' if there is one host only.
    join_seconds: how long learners wait for one another at the start.
    network: pid of a process whose network the Reverb servers move into; 0:
      they stay in that of the run.
    ports: of the Reverb servers, if they are not those of their addresses,
      which are then Unix sockets that lead there.
    has_actor_hosts: whether actors on other hosts may play for this one.
  """

  logdir: str
  queue_address: str
  variables_address: str
  actors: tuple[int, ...]
  envs_per_actor: int
  devices: int = 0
  host_index: int = 0
  serve: bool = True
  runtime: str = 'launchpad'
  evaluate: bool = False
  num_hosts: int = 1
  coordinator: str = ''
  join_seconds: float = 300.0
  network: int = 0
  ports: tuple[int, ...] = ()
  has_actor_hosts: bool = False


def local(
  config: schema.Config,
  logdir: str,
  devices: int = 0,
  hosts: Hosts | None = None,
) -> Topology:
  """Everything on this machine, on free ports unless the config fixes them.

  Args:
    config: of the run.
    logdir: of this host.
    devices: local devices of the learner.
    hosts: the learner hosts, if there are several.
  """
  addresses = ('', '')
  if config.runtime.kind == 'launchpad':
    addresses = _choose_addresses(config.queue)
  return Topology(
    logdir=logdir,
    queue_address=addresses[0],
    variables_address=addresses[1],
    actors=tuple(range(config.runtime.num_actors)),
    envs_per_actor=config.runtime.envs_per_actor,
    devices=devices,
    runtime=config.runtime.kind,
    evaluate=config.runtime.evaluate_every_frames > 0
    and (hosts is None or hosts.index == 0),
    host_index=hosts.index if hosts else 0,
    num_hosts=hosts.count if hosts else 1,
    coordinator=hosts.address if hosts else '',
    join_seconds=hosts.seconds if hosts else 0.0,
  )


def _choose_addresses(queue: schema.QueueConfig) -> tuple[str, str]:
  chosen = [queue.queue_port, queue.variables_port]
  free = machine.free_ports(chosen.count(0))
  first, second = (port or free.pop() for port in chosen)
  return f'{_LOOPBACK}:{first}', f'{_LOOPBACK}:{second}'


def check_ports(queue: schema.QueueConfig) -> None:
  """Refuses fixed ports that no server can listen on here.

  Raises:
    ConfigError: with the field and its value.
  """
  for name in ('queue_port', 'variables_port'):
    port = getattr(queue, name)
    if not port:
      continue
    try:
      machine.check_port(port)
    except OSError as error:
      taken = error.errno == errno.EADDRINUSE
      why = 'is in use' if taken else f'is refused ({error.strerror})'
      raise errors.ConfigError(
        f'queue.{name}={port} {why}; expected a free port, or 0 to take one'
      ) from None


def apply(place: Topology, config: schema.Config) -> schema.Config:
  """The config for the processes of `place`."""
  runtime = dataclasses.replace(
    config.runtime, envs_per_actor=place.envs_per_actor
  )
  return dataclasses.replace(config, runtime=runtime)


def to_json(place: Topology) -> str:
  """For a command line; `from_json` reads it."""
  return json.dumps(dataclasses.asdict(place))


def from_json(text: str) -> Topology:
  """Inverse of `to_json`."""
  values = json.loads(text)
  tuples = {name: tuple(values[name]) for name in ('actors', 'ports')}
  return Topology(**{**values, **tuples})


def from_command_line() -> Topology:
  """Reads `--topology=JSON`, the one flag of the programs."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--topology', required=True, help='as JSON')
  return from_json(parser.parse_args().topology)


def server_ports(place: Topology) -> tuple[int, ...]:
  """The ports of the servers of the queue and of the variables."""
  return place.ports or (
    port_of(place.queue_address),
    port_of(place.variables_address),
  )


def port_of(address: str) -> int:
  """The port of 'host:port'."""
  return int(address.rpartition(':')[2])
