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
from attn_agents.environments import seeding
from configs import errors
from launch import command_line, run_local

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
_START_SECONDS = flags.DEFINE_float(
  'start_seconds',
  300.0,
  'How long hosts wait for one another at the start.',
  lower_bound=1.0,
  upper_bound=86_400.0,
)


# A host that cannot run waits so long to tell the others.
_REFUSAL_SECONDS = 30.0


def main() -> int:
  """Finds the hosts, meets them, and trains; returns the exit code."""
  hosts = _hosts()
  if hosts is None or hosts.count == 1:
    return run_local.train()
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
    return run_local.train(hosts, meet)
  except errors.ConfigError as error:
    if not met:
      # The others would wait for this one. They all raise what it says.
      meet({}, str(error))
    raise


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
  if not 1 <= found.count <= seeding.MAX_HOSTS:
    raise errors.ConfigError(
      f'--num_hosts={found.count}: expected 1 to {seeding.MAX_HOSTS}'
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
