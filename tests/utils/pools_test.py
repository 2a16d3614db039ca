"""Threads of XLA and NumPy under a quota, against those of fewer CPUs."""

import os
import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]

# A quota that is written by hand as the kernel shows it.
_COUNT = """
import os, pathlib, sys
from attn_agents.utils import cgroup, pools
root = pathlib.Path(sys.argv[1])
limit = cgroup.cpu_limit
cgroup.cpu_limit = lambda: limit(root, root / 'membership')
if sys.argv[2] == 'one CPU':
  os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
pools.fit_to_quota()
import numpy
numpy_threads = len(os.listdir('/proc/self/task'))
import jax
jax.devices()
print(numpy_threads, len(os.listdir('/proc/self/task')))
"""


def _threads(directory, quota, cpus='all CPUs', **environment):
  (directory / 'membership').write_text('0::/\n')
  (directory / 'cpu.max').write_text(f'{quota} 100000\n')
  names = ('NPROC', *(n for n in os.environ if n.endswith('_NUM_THREADS')))
  kept = {k: v for k, v in os.environ.items() if k not in names}
  done = subprocess.run(
    [sys.executable, '-c', _COUNT, str(directory), cpus],
    env={**kept, 'JAX_PLATFORMS': 'cpu', **environment},
    capture_output=True, text=True, timeout=120, check=True,
  )  # fmt: skip
  return [int(word) for word in done.stdout.split()]


def test_a_quota_of_one_makes_as_many_threads_as_one_cpu(tmp_path):
  if len(os.sched_getaffinity(0)) == 1:
    pytest.skip('this machine has one CPU')
  one = _threads(tmp_path, 'max', 'one CPU')
  assert _threads(tmp_path, 100_000) == one
  assert _threads(tmp_path, 150_000) == one
  free = _threads(tmp_path, 'max')
  assert all(a > b for a, b in zip(free, one, strict=True))
  # What the user says holds.
  two = {'NPROC': '2', 'OPENBLAS_NUM_THREADS': '2'}
  assert _threads(tmp_path, 100_000, **two) == _threads(tmp_path, 'max', **two)


# Says what the variable was when NumPy began to load, or at the end.
_WHEN_NUMPY_LOADS = """
import os, pathlib, runpy, sys
files = {'/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': '200000 100000'}
read_text = pathlib.Path.read_text
pathlib.Path.read_text = lambda self, *args, **kwargs: (
  files.get(str(self)) or read_text(self, *args, **kwargs)
)
os.sched_getaffinity = lambda pid: set(range(64))
class Finder:
  def find_spec(self, name, path=None, target=None):
    if name == 'numpy':
      print(os.environ.get('NPROC'), flush=True)
      os._exit(0)
sys.meta_path.insert(0, Finder())
sys.path.insert(0, os.getcwd())
name = sys.argv[1]
if name.endswith('.py'):
  runpy.run_path(name, run_name='loaded')
else:
  runpy.run_module(name, run_name='loaded')
print(os.environ.get('NPROC'))
"""


@pytest.mark.parametrize(
  'name',
  [
    'launch/run_local.py', 'launch/evaluate.py', 'launch/analyze.py',
    'launch/watch.py', 'launch/doctor.py', 'launch/run_suite.py',
    'attn_agents.distributed.programs.threads',
    'attn_agents.distributed.roles.actor',
    'attn_agents.distributed.roles.evaluator',
    'attn_agents.distributed.roles.learner', 'attn_agents.diagnostics.child',
    'benchmarks.learner_update', 'benchmarks.acting', 'benchmarks.peak',
  ],
)  # fmt: skip
def test_a_quota_is_known_before_numpy_loads(name):
  names = ('NPROC', *(n for n in os.environ if n.endswith('_NUM_THREADS')))
  done = subprocess.run(
    [sys.executable, '-c', _WHEN_NUMPY_LOADS, name],
    env={k: v for k, v in os.environ.items() if k not in names},
    cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False,
  )  # fmt: skip
  assert done.stdout == '2\n', done.stderr
