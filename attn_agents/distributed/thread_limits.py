"""Keeps thread pools of libraries from fighting over the same cores.

A run's parallelism is its actors, environments and XLA's own threads.
"""

import types
from collections.abc import Mapping

# Environment variables of a process. Libraries read them when they load, as
# OpenBLAS does with NumPy, so a process must have them when it starts.
ONE_THREAD: Mapping[str, str] = types.MappingProxyType(
  {
    'OMP_NUM_THREADS': '1',
    'OPENBLAS_NUM_THREADS': '1',
    'MKL_NUM_THREADS': '1',
    'TF_NUM_INTRAOP_THREADS': '1',
    'TF_NUM_INTEROP_THREADS': '1',
  }
)
