"""Compiles fast rather than well, and leaves out what cannot run.

Tests spend their time in compiling networks that run for milliseconds.

`make test-core` runs without Launchpad, Reverb, servers of buckets and the
tools of `make docs`; nothing else may be left out by being absent.
"""

import gc
import importlib
import importlib.util
import os
import signal

import pytest

# Before JAX is imported, here and in the processes that tests start.
os.environ['XLA_FLAGS'] = ' '.join(
  [
    os.environ.get('XLA_FLAGS', ''),
    '--xla_backend_optimization_level=0',
    '--xla_llvm_disable_expensive_passes=true',
    # Several modules a program are for cores that wait; here none does.
    '--xla_cpu_parallel_codegen_split_count=1',
  ]
)
# Nobody reads where in the tests an operation comes from.
os.environ['JAX_TRACEBACK_IN_LOCATIONS_LIMIT'] = '0'
# What JAX traces is many small objects, most of which stay: to look for
# garbage after every 700 of them costs a sixth of the time.
gc.set_threshold(100_000, 20, 20)

# Before JAX and rlax, as in every process of a run; tests compile into the same
# cache as runs do.
importlib.import_module('attn_agents')

if importlib.util.find_spec('reverb') is None:
  collect_ignore = [
    'distributed/programs/launchpad_test.py',
    'distributed/hosts',
    'distributed/mirroring_test.py',
    'distributed/relay',
    'distributed/roles/reverb_servers_test.py',
    'distributed/run_key_test.py',
    'docs/site_test.py',
    'in_process_test.py',
    'launch/actor_host_test.py',
    'launch/bucket_test.py',
    'launch/cable_test.py',
    'launch/cluster_test.py',
    'launch/faults_test.py',
    'launch/run_key_test.py',
    'launch/run_local_test.py',
    'launch/synchronous_test.py',
    'learning/screens_test.py',
    'runs/buckets',
    'synchronous_test.py',
    'transport/packing_test.py',
    'transport/reverb',
  ]

# Under `nohup`, or in the background of a script, a process ignores these
# signals, and so do those that it starts. With a handler of any kind it still
# ignores them, but what it starts does not.
for _number in (signal.SIGHUP, signal.SIGINT):
  if signal.getsignal(_number) == signal.SIG_IGN:
    signal.signal(_number, lambda *_: None)


@pytest.fixture
def restored_handlers():
  """Puts the handlers of stop signals back, after what replaces them."""
  numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
  before = {number: signal.getsignal(number) for number in numbers}
  yield
  for number, handler in before.items():
    signal.signal(number, handler)
