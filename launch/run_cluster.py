#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
r"""Trains an agent on several hosts, this being one of them.

    launch/run_cluster.py --agent=s3ta --game=ms_pacman \
        --coordinator_address=10.0.0.1:7777 --num_hosts=2 --host_index=0

The same command runs on each host, with its own --host_index. Under Slurm
(srun), on TPU VMs and in an indexed Job of Kubernetes it needs no addresses. It
takes all flags of launch/run_local.py. The exit codes are the same, and 75 also
stands for a run that ended since another host did.
"""

import sys
from collections.abc import Mapping
from typing import Any

from absl import flags

from attn_agents.distributed import topology
from attn_agents.distributed.hosts import finding, meeting
from configs import errors
from launch import actor_host, command_line, paths, run_local

_ADDRESS = flags.DEFINE_string(
  'coordinator_address',
  None,
  'host:port of host 0, where its learner listens for those of other hosts.',
)
_NUM_HOSTS = flags.DEFINE_integer('num_hosts', None, 'Number of learner hosts.')
_HOST_INDEX = flags.DEFINE_integer(
  'host_index', None, 'Number of this host; host 0 coordinates and saves.'
)
_CLUSTER = flags.DEFINE_string(
  'cluster',
  'auto',
  'What says which hosts there are: slurm, tpu, kubernetes, none (the three '
  'flags above), or auto: the three flags if they are there, else whatever JAX '
  'finds.',
)
_ROLE = flags.DEFINE_string(
  'role',
  'learner',
  'learner, which has actors of its own too, or actors: this host only plays, '
  'for the learner host of --learner_address.',
)
_LISTEN = flags.DEFINE_string(
  'listen', '', 'Of a learner host: address:port for actor hosts, by TLS.'
)
_LEARNER = flags.DEFINE_string(
  'learner_address', '', 'Of an actor host: the --listen of its learner host.'
)
_KEY = paths.define(
  'key', '', 'Of an actor host: keys/actor.pem of the learner host.'
)
_ACTORS = flags.DEFINE_string(
  'actors',
  '',
  'Which of the --num_actors play on this host, as 0-1. If unset: all.',
)
_START_SECONDS = flags.DEFINE_float(
  'start_seconds',
  300.0,
  'How long hosts wait for one another at the start.',
  lower_bound=1.0,
  upper_bound=86_400.0,
)


_MOST_LEARNERS = actor_host.FIRST_INDEX
# A host that cannot run waits so long to tell the others.
_REFUSAL_SECONDS = 30.0


def main() -> int:
  """Finds the hosts, meets them, and trains; returns the exit code."""
  errors.choice('--role', _ROLE.value, ('learner', 'actors'))
  actors = _actors()
  if _ROLE.value == 'actors':
    return actor_host.play(_actor_host(actors))
  for flag, value in (('learner_address', _LEARNER.value), ('key', _KEY.value)):
    if value:
      raise errors.ConfigError(
        f'--{flag}={value} with --role=learner; expected --role=actors'
      )
  hosts = None
  if not _is_alone():
    hosts = _hosts()
  if hosts is None or hosts.count == 1:
    return run_local.train(listen=_LISTEN.value, actors=actors)
  return _train_together(hosts, actors)


def _train_together(
  hosts: topology.Hosts, actors: tuple[int, ...] | None
) -> int:
  met = False

  def meet(found: Mapping[str, str], refusal: str = '') -> None:
    nonlocal met
    met = True
    meeting.meet(
      meeting.Request(
        address=hosts.address,
        count=hosts.count,
        index=hosts.index,
        seconds=min(hosts.seconds, _REFUSAL_SECONDS)
        if refusal
        else hosts.seconds,
        facts=found,
        refusal=refusal,
      )
    )

  try:
    return run_local.train(hosts, meet, _LISTEN.value, actors)
  except errors.ConfigError as error:
    if not met:
      # The others would wait for this one. They all raise what it says.
      meet({}, str(error))
    raise


def _is_alone() -> bool:
  """Whether this is the only learner host, which has actor hosts."""
  stated = (_ADDRESS.value, _NUM_HOSTS.value, _HOST_INDEX.value)
  return (
    bool(_LISTEN.value)
    and _CLUSTER.value in ('auto', 'none')
    and all(value is None for value in stated)
  )


def _actors() -> tuple[int, ...] | None:
  """Indices of the actors that play here; None for all."""
  text = _ACTORS.value
  if not text:
    return None
  first, dash, last = text.partition('-')
  last = last if dash else first
  if not first.isdigit() or not last.isdigit() or int(first) > int(last):
    raise errors.ConfigError(
      f'--actors={text}: expected the index of an actor, or the first and the '
      'last of several, as 2-3'
    )
  return tuple(range(int(first), int(last) + 1))


def _actor_host(actors: tuple[int, ...] | None) -> actor_host.Host:
  needed = {'learner_address': _LEARNER.value}
  if not run_local.allows_open_ports():
    needed['key'] = _KEY.value
  elif _KEY.value:
    raise errors.ConfigError(
      f'--key={_KEY.value} with --allow_open_ports, which is the way without a '
      'key; expected one of the two'
    )
  for flag, value in needed.items():
    if not value:
      raise errors.ConfigError(
        f'--role=actors: --{flag} missing; expected the --listen of a learner '
        'host, and the actor.pem of its run'
      )
  index, most = _HOST_INDEX.value or 0, actor_host.MOST
  if not 0 <= index < most:
    raise errors.ConfigError(
      f'--host_index={index}: expected 0 to {most - 1}, another one for each '
      'actor host'
    )
  return actor_host.Host(
    index,
    _NUM_HOSTS.value or 1,
    _LEARNER.value,
    _KEY.value,
    actors,
    _START_SECONDS.value,
  )


def _hosts() -> topology.Hosts | None:
  """Which learner hosts there are; None: this one only.

  Raises:
    ConfigError: the flags do not say, or say what cannot be.
  """
  cluster = _CLUSTER.value
  if cluster not in finding.CLUSTERS:
    raise errors.unknown('--cluster', cluster, tuple(finding.CLUSTERS))
  named: dict[str, Any] = {
    'address': _ADDRESS.value,
    'count': _NUM_HOSTS.value,
    'index': _HOST_INDEX.value,
  }
  given = dict(
    zip(
      ('--coordinator_address', '--num_hosts', '--host_index'),
      named.values(),
      strict=True,
    )
  )
  missing = [name for name, x in given.items() if x is None]
  if cluster == 'none' or (cluster == 'auto' and len(missing) < len(given)):
    if missing:
      raise errors.ConfigError(
        f'--cluster={cluster}: {" and ".join(missing)} missing; expected all '
        'of --coordinator_address, --num_hosts and --host_index'
      )
    found = topology.Hosts(**named)
  else:
    if len(missing) < len(given):
      first = next(name for name, x in given.items() if x is not None)
      raise errors.ConfigError(
        f'{first} and --cluster={cluster}, which says it itself; expected one '
        'of the two'
      )
    asked = finding.find(cluster)
    if asked is None:
      raise errors.ConfigError(
        '--cluster=auto: this process is in no cluster that JAX knows (Slurm, '
        'TPU, Kubernetes); expected --coordinator_address, --num_hosts and '
        '--host_index, or launch/run_local.py for one host'
      )
    found = asked
  return _checked(found)


def _checked(found: topology.Hosts) -> topology.Hosts:
  if not 1 <= found.count <= _MOST_LEARNERS:
    raise errors.ConfigError(
      f'--num_hosts={found.count}: expected 1 to {_MOST_LEARNERS}'
    )
  if not 0 <= found.index < found.count:
    raise errors.ConfigError(
      f'--host_index={found.index}: expected 0 to {found.count - 1}, less than '
      f'--num_hosts={found.count}'
    )
  host, _, port = found.address.rpartition(':')
  if not host or not port.isdigit() or not 0 < int(port) < 65_536:
    raise errors.ConfigError(
      f'--coordinator_address={found.address}: expected host:port with a port '
      'up to 65535'
    )
  return topology.Hosts(
    found.address, found.count, found.index, found.how, _START_SECONDS.value
  )


if __name__ == '__main__':
  sys.exit(command_line.run(main))
