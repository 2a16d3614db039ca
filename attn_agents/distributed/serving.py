"""Reverb for processes in other networks: of this host, and of actor hosts.

A learner among several hosts, which needs the real network, and actors on other
hosts reach the servers through the relay (`relay/`). The servers themselves are
in its network, which has loopback only.
"""

import dataclasses
import json
import pathlib
import socket
from collections.abc import Mapping, Sequence

from attn_agents.distributed import run_key, topology
from attn_agents.distributed.hosts import facts as host_facts
from attn_agents.distributed.relay import addresses, check
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


def prepare(place: topology.Topology, address: str) -> socket.socket | None:
  """Refuses what `start` would refuse, and writes nothing.

  Args:
    place: of the run.
    address: 'address:port' for actor hosts; '' if there are none.

  Returns:
    The socket for actor hosts, made in the real network; None if there are
    none.

  Raises:
    ConfigError: see `addresses.listen`; this runtime has no servers; or the
      run's key is none of a learner host.
  """
  if place.runtime != 'launchpad':
    if not address:
      return None
    raise errors.ConfigError(
      f'--listen={address}: --runtime={place.runtime} has no servers that '
      'actor hosts could reach; expected --runtime=launchpad'
    )
  if run_key.paths(place.logdir)[run_key.LEARNER].parent.is_dir():
    run_key.make_or_load(place.logdir)
  return addresses.listen(address) if address else None


def key_path(run: run_directory.RunDirectory) -> pathlib.Path:
  """What an actor host needs of this one."""
  return run_key.paths(run.path)[run_key.ACTOR]


def require_same_play(
  learner_address: str,
  key: run_key.RunKey,
  seconds: float,
  own: Mapping[str, str],
) -> None:
  """Returns once a learner host lets this actor host in.

  Args:
    learner_address: 'host:port' of its --listen.
    key: of an actor host.
    seconds: see `check.require_accepted`.
    own: `hosts.facts.of_play` of this host.

  Raises:
    ConfigError: it does not, or the two would not play the same.
  """
  said = check.require_accepted(learner_address, key, seconds)
  facts = {
    f'on the learner host {learner_address}': json.loads(said or '{}'),
    'on this actor host': own,
  }
  if wrong := host_facts.differences(facts):
    raise errors.ConfigError(f'{wrong}; expected what the learner host has')


def start(
  place: topology.Topology,
  listening: socket.socket | None,
  facts: Mapping[str, str],
) -> tuple[topology.Topology, relay_start.Relay]:
  """Starts the relay, and says how the run's processes reach Reverb by it.

  Args:
    place: of the run, whose directory is open.
    listening: of `prepare`; None if there are no actor hosts.
    facts: `hosts.facts.of_play`, which actor hosts are told.

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
    facts=json.dumps(facts),
  )
  relay.wait()
  return dataclasses.replace(
    place,
    queue_address=relay.local(QUEUE),
    variables_address=relay.local(VARIABLES),
    network=relay.pid,
    ports=ports,
    has_actor_hosts=listening is not None,
  ), relay


def start_at_actors(
  place: topology.Topology, learner_address: str, key: run_key.RunKey
) -> tuple[topology.Topology, relay_start.Relay]:
  """The same on an actor host.

  Args:
    place: of this host.
    learner_address: 'host:port' that a learner host's `prepare` has.
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
