"""Environment variables of a run's processes.

Libraries read them as they load, so a process must have them when it starts.
"""

import os
import re
import types
from collections.abc import Mapping

# Thread pools of libraries would fight over the same cores: a run's parallelism
# is its actors, environments and XLA's own threads.
ONE_THREAD: Mapping[str, str] = types.MappingProxyType(
  {
    'OMP_NUM_THREADS': '1',
    'OPENBLAS_NUM_THREADS': '1',
    'MKL_NUM_THREADS': '1',
    'TF_NUM_INTRAOP_THREADS': '1',
    'TF_NUM_INTEROP_THREADS': '1',
  }
)
_QUIET_TENSORFLOW: Mapping[str, str] = types.MappingProxyType(
  {'TF_CPP_MIN_LOG_LEVEL': '2'}
)
# All roles but the learner compute on CPUs, whatever the learner has.
_NO_ACCELERATOR: Mapping[str, str] = types.MappingProxyType(
  {'CUDA_VISIBLE_DEVICES': '', 'JAX_PLATFORMS': 'cpu', **_QUIET_TENSORFLOW}
)

# As the metadata server writes them: NAME: 'value'.
_TPU_LINE = re.compile(r"^\s*([A-Z_]+):\s*'?([^'\n]*?)'?\s*$", re.MULTILINE)

_TUNABLES = 'GLIBC_TUNABLES'
# Asks for transparent huge pages where the system's setting is 'madvise'. Known
# to glibc from 2.35 on; older ones ignore what they do not know.
_LARGE_PAGES = 'glibc.malloc.hugetlb=1'
# One heap, which keeps what is freed. XLA takes the work memory of an update in
# one piece. A piece that large glibc would hand back to the kernel after each
# update, and the kernel would clear it for the next.
_KEPT = (
  f'{_LARGE_PAGES}:glibc.malloc.arena_max=1:'
  f'glibc.malloc.mmap_threshold={2**40}:glibc.malloc.trim_threshold={2**40}'
)


def large_pages() -> dict[str, str]:
  """What makes glibc take memory in pages of 2 MiB.

  A learner touches gigabytes anew in each update, and in pages of 4 KiB the
  kernel spends much of the update handing them out.

  Returns:
    Nothing where the user has set glibc's tunables.
  """
  return {} if _TUNABLES in os.environ else {_TUNABLES: _LARGE_PAGES}


def kept_memory() -> dict[str, str]:
  """What makes glibc also keep the memory of one update for the next.

  For processes that learn. Memory that was used once stays theirs, and threads
  that take memory at the same time wait for each other. Servers and actors on
  many cores should not, and an actor's work memory is small.

  Returns:
    Nothing where the user has set glibc's tunables.
  """
  theirs = os.environ.get(_TUNABLES, _LARGE_PAGES)
  return {_TUNABLES: _KEPT} if theirs == _LARGE_PAGES else {}


def of_confined_tpu(tpu_env: str) -> dict[str, str]:
  """What libtpu wants to know of this host, where it cannot ask.

  It asks the metadata server of Google's cloud, which a process that is
  confined to loopback does not reach, and tries for minutes. The chips of this
  host are taken alone, whatever slice they belong to.

  JAX takes a machine that has TPU_SKIP_MDS_QUERY for none of Google's: who
  looks for other hosts of a slice does so before.

  Args:
    tpu_env: what that server says of the host, `tpu_metadata.read()`; '' where
      there is none, which changes nothing.

  Returns:
    Nothing of what the user has set.
  """
  found = dict(_TPU_LINE.findall(tpu_env))
  if not found:
    return {}
  named = {
    'TPU_ACCELERATOR_TYPE': found.get('ACCELERATOR_TYPE', ''),
    'TPU_CHIPS_PER_HOST_BOUNDS': found.get('CHIPS_PER_HOST_BOUNDS', ''),
    'TPU_CHIPS_PER_PROCESS_BOUNDS': found.get('CHIPS_PER_HOST_BOUNDS', ''),
  }
  alone = {
    'TPU_SKIP_MDS_QUERY': '1',
    'TPU_HOST_BOUNDS': '1,1,1',
    'TPU_PROCESS_BOUNDS': '1,1,1',
    'TPU_WORKER_ID': '0',
    'TPU_WORKER_HOSTNAMES': 'localhost',
  }
  return {
    name: value
    for name, value in {**named, **alone}.items()
    if value and name not in os.environ
  }


def of_launcher(runtime: str) -> dict[str, str]:
  """Of the process that `supervisor` starts, on top of its own.

  Args:
    runtime: 'launchpad', whose processes get more by `of_role`; or 'threads',
      where learner and actors share XLA's threads.
  """
  if runtime == 'threads':
    return {**kept_memory(), **ONE_THREAD, **_QUIET_TENSORFLOW}
  return large_pages()


def of_role(role: str) -> dict[str, str]:
  """Of a role's own process, on top of the launcher's.

  Actors compute in one thread each: their parallelism is processes.

  Args:
    role: 'learner', 'actor', 'evaluator' or 'reverb'.
  """
  if role == 'learner':
    return {**kept_memory(), **_QUIET_TENSORFLOW}
  if role not in ('actor', 'evaluator'):
    return {**_NO_ACCELERATOR, **ONE_THREAD, 'NPROC': '1'}
  flags = os.environ.get('XLA_FLAGS', '').split()
  # Simulated devices are meant for the learner.
  flags = [f for f in flags if 'host_platform_device_count' not in f]
  return {
    **_NO_ACCELERATOR,
    **ONE_THREAD,
    'NPROC': '1',
    'XLA_FLAGS': ' '.join([*flags, '--xla_cpu_multi_thread_eigen=false']),
  }
