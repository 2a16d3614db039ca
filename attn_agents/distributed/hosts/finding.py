"""Which learner hosts there are, as the cluster says: JAX's own detection.

A process of its own, `python -m attn_agents.distributed.hosts.finding NAME`,
since it imports JAX, which the parent of a run must not.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Mapping

from attn_agents.clusters import manifests
from attn_agents.distributed import topology
from configs import errors

_ROOT = pathlib.Path(__file__).parents[3]
_SECONDS = 120.0
# By our names: JAX's names of the clusters that each stands for.
CLUSTERS = {
  'auto': (),
  'slurm': ('slurm',),
  'tpu': ('tpu', 'gcetpu', 'gketpu'),
  'kubernetes': ('K8sCluster', 'k8s'),
  'none': (),
}


def of_indexed_job(
  environment: Mapping[str, str], name: str
) -> topology.Hosts | None:
  """The hosts of an indexed Job, as `launch/kubernetes.py` makes it.

  Args:
    environment: variables of the process.
    name: of this host, in full; its first label ends with its index.

  Returns:
    None: this is no pod of such a Job.
  """
  index, count = (
    environment.get(x, '') for x in ('JOB_COMPLETION_INDEX', 'NUM_HOSTS')
  )
  if not index.isdigit() or not count.isdigit():
    return None
  pod, _, domain = name.partition('.')
  first = f'{pod.rpartition("-")[0]}-0'
  host = f'{first}.{domain}' if domain else first
  return topology.Hosts(
    f'{host}:{manifests.COORDINATOR_PORT}',
    int(count),
    int(index),
    'found in the indexed Job',
  )


def find(cluster: str) -> topology.Hosts | None:
  """Asks JAX which cluster this process is in.

  Args:
    cluster: a name in `CLUSTERS`, but 'none'.

  Returns:
    None: it is in none, and `cluster` is 'auto'.

  Raises:
    ConfigError: it is not in such a cluster, or that one does not say all.
  """
  if cluster in ('auto', 'kubernetes'):
    found = of_indexed_job(os.environ, socket.getfqdn())
    if found is not None:
      return found
  done = subprocess.run(
    [sys.executable, '-m', 'attn_agents.distributed.hosts.finding', cluster],
    capture_output=True,
    stdin=subprocess.DEVNULL,
    cwd=_ROOT,
    text=True,
    timeout=_SECONDS,
    check=False,
  )
  if done.returncode:
    last = (done.stderr.strip().splitlines() or ['no message'])[-1]
    raise errors.ConfigError(
      f'--cluster={cluster}: JAX does not find out which hosts there are '
      f'({last}); expected a process that the cluster has started (under '
      'Slurm, by srun), or --cluster=none with --coordinator_address, '
      '--num_hosts and --host_index'
    )
  said = json.loads(done.stdout.strip().splitlines()[-1])
  return topology.Hosts(**said) if said else None


def main() -> int:
  """Prints the hosts as JSON, or null."""
  # JAX lists its clusters when this is loaded.
  from jax._src import clusters

  wanted = CLUSTERS[sys.argv[1]]
  known = [
    x for x in clusters.ClusterEnv._cluster_types if not x.opt_in_only_method
  ]
  for kind in known:
    name = getattr(kind, 'name', kind.__name__)
    if (wanted and name not in wanted) or not kind.is_env_present():
      continue
    print(
      json.dumps(
        {
          'address': kind.get_coordinator_address(timeout_secs=int(_SECONDS)),
          'count': kind.get_process_count(),
          'index': kind.get_process_id(),
          'how': f'found by JAX ({name})',
        }
      )
    )
    return 0
  if wanted:
    raise SystemExit('this process is not in a cluster of that kind')
  print('null')
  return 0


if __name__ == '__main__':
  sys.exit(main())
