"""Thread pools of libraries, no larger than a container's CPU quota.

XLA, OpenBLAS, OpenMP and MKL make as many threads as this process may use CPUs,
and know nothing of quotas: in a container with two CPUs' worth of time on a
machine of 64 they make hundreds, which wait for one another.

XLA's compilation pool follows the affinity; its threads sleep after compiling.

The variables are read when NumPy and JAX load, so `attn_agents` sets them when
it is imported. Processes that are started afterwards inherit them.
"""

import os

from attn_agents.utils import machine

# XLA reads NPROC.
VARIABLES = (
  'NPROC',
  'OMP_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'MKL_NUM_THREADS',
  'TF_NUM_INTRAOP_THREADS',
  'TF_NUM_INTEROP_THREADS',
)


def fit_to_quota() -> None:
  """Sets the variables, where the quota is less than the CPUs of the affinity.

  What the user has set stays.
  """
  cores = machine.cores()
  if cores < machine.cores_of_affinity():
    for name in VARIABLES:
      os.environ.setdefault(name, str(cores))
