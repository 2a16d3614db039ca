"""What a batch job of Slurm may use of the node that this process is on.

Not every cluster confines its jobs to that by control groups or affinity.
"""

import math
from collections.abc import Mapping

_MEBIBYTE = 2**20


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


def _number(environment: Mapping[str, str], name: str) -> int:
  """0 where there is none; with --mem=0, Slurm says it for 'all'."""
  text = environment.get(name, '')
  return int(text) if text.isdigit() else 0
