"""What a batch job of Slurm may use of its node, and how it is reached.

Not every cluster confines its jobs to that by control groups or affinity.
"""

import math
from collections.abc import Mapping

_MEBIBYTE = 2**20
# Of launch/watch.py, and of TensorBoard, unless they are given others.
WATCH_PORT = 8712
TENSORBOARD_PORT = 6006


def cpu_limit(environment: Mapping[str, str]) -> float:
  """The CPUs of the job on this node, or infinity outside of jobs."""
  cpus = _number(environment, 'SLURM_CPUS_ON_NODE')
  return cpus or math.inf


def memory_limit(environment: Mapping[str, str]) -> float:
  """The bytes of memory of the job on this node, or infinity."""
  # Slurm sets one of them, if either was asked for.
  whole = _number(environment, 'SLURM_MEM_PER_NODE')
  each = _number(environment, 'SLURM_MEM_PER_CPU')
  cpus = _number(environment, 'SLURM_CPUS_ON_NODE')
  return (whole or each * cpus) * _MEBIBYTE or math.inf


def ssh_line(environment: Mapping[str, str], host: str, *ports: int) -> str:
  """What brings ports of a node to the user's machine; '' outside of jobs.

  Args:
    environment: of a process of the job.
    host: name of the node.
    *ports: that servers have on the node's loopback, as the browser is to see
      them.
  """
  if 'SLURM_JOB_ID' not in environment:
    return ''
  # Nodes are reached from where jobs are submitted.
  login = environment.get('SLURM_SUBMIT_HOST', '')
  jump = f'-J {login} ' if login and login != host else ''
  forwarded = ' '.join(f'-L {port}:127.0.0.1:{port}' for port in ports)
  return f'ssh -N {forwarded} {jump}{host}'


def _number(environment: Mapping[str, str], name: str) -> int:
  """0 where there is none; with --mem=0, Slurm says it for 'all'."""
  text = environment.get(name, '')
  return int(text) if text.isdigit() else 0
