"""Reverb for processes in other networks: of this host, and of actor hosts.

A learner among several hosts, which needs the real network, and actors on other
hosts reach the servers through the relay (`relay/`). The servers themselves are
in its network, which has loopback only.
"""

import dataclasses
import pathlib
import socket
from collections.abc import Sequence

from attn_agents.distributed import run_key, topology
from attn_agents.distributed.relay import addresses
from attn_agents.distributed.relay import start as relay_start
from attn_agents.runs import run_directory
from configs import errors

QUEUE, VARIABLES = 'queue', 'variables'


def with_actors(
  place: topology.Topology, indices: Sequence[int] | None
) -> topology.Topology:
  """The same with some of its actors.

  Args:
    place: of the run, with all.
    indices: of those that play here; None for all.

  Raises:
    ConfigError: there are no such actors.
  """
  if indices is None:
    return place
  wrong = [i for i in indices if i not in place.actors]
  if wrong:
    raise errors.ConfigError(
      f'--actors: there is no actor {wrong[0]}; expected 0 to '
      f'{len(place.actors) - 1}, since --num_actors={len(place.actors)}'
    )
  return dataclasses.replace(place, actors=tuple(indices))


def listen(address: str, place: topology.Topology) -> socket.socket:
  """The socket for actor hosts, made in the real network.

  Raises:
    ConfigError: see `addresses.listen`; or this runtime has no servers.
  """
  if place.runtime != 'launchpad':
    raise errors.ConfigError(
      f'--listen={address}: --runtime={place.runtime} has no servers that '
      'actor hosts could reach; expected --runtime=launchpad'
    )
  return addresses.listen(address)


def key_path(run: run_directory.RunDirectory) -> pathlib.Path:
  """What an actor host needs of this one."""
  return run_key.paths(run.path)[run_key.ACTOR]


def start(
  place: topology.Topology, listening: socket.socket | None
) -> tuple[topology.Topology, relay_start.Relay]:
  """Starts the relay, and says how the run's processes reach Reverb by it.

  Args:
    place: of the run, whose directory is open.
    listening: of `listen`; None if there are no actor hosts.

  Raises:
    ConfigError: this host cannot keep Reverb to itself.
  """
  ports = topology.server_ports(place)
  relay = relay_start.learner_end(
    listening,
    run_key.make_or_load(place.logdir),
    {
      name: f'127.0.0.1:{port}'
      for name, port in zip((QUEUE, VARIABLES), ports, strict=True)
    },
    place.logdir,
    local=(QUEUE, VARIABLES),
    confine=True,
  )
  relay.wait()
  return dataclasses.replace(
    place,
    queue_address=relay.local(QUEUE),
    variables_address=relay.local(VARIABLES),
    network=relay.pid,
    ports=ports,
  ), relay


def start_at_actors(
  place: topology.Topology, learner_address: str, key: run_key.RunKey
) -> tuple[topology.Topology, relay_start.Relay]:
  """The same on an actor host.

  Args:
    place: of this host.
    learner_address: 'host:port' of a learner host's `listen`.
    key: of an actor host.
  """
  relay = relay_start.actor_end(
    learner_address, key, (QUEUE, VARIABLES), place.logdir
  )
  relay.wait()
  return dataclasses.replace(
    place,
    queue_address=relay.local(QUEUE),
    variables_address=relay.local(VARIABLES),
  ), relay
