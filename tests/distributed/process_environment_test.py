"""What a run's processes find in their environment."""

import dataclasses
import os
import pathlib
import subprocess
import sys
from unittest import mock

import pytest

from attn_agents.distributed import process_environment, supervisor, topology
from attn_agents.distributed.hosts import meeting
from attn_agents.distributed.programs import launchpad
from attn_agents.distributed.roles import actor_supervisor, reverb_servers
from configs import resolution

_LARGE = 'glibc.malloc.hugetlb=1'
_KEPT = (
  'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:'
  'glibc.malloc.mmap_threshold=1099511627776:'
  'glibc.malloc.trim_threshold=1099511627776'
)


def test_large_pages_by_default(monkeypatch):
  monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  assert process_environment.large_pages() == {'GLIBC_TUNABLES': _LARGE}
  assert process_environment.kept_memory() == {'GLIBC_TUNABLES': _KEPT}
  # As the launcher has it, whose learner keeps memory as well.
  monkeypatch.setenv('GLIBC_TUNABLES', _LARGE)
  assert process_environment.kept_memory() == {'GLIBC_TUNABLES': _KEPT}


def test_the_users_tunables_stay(monkeypatch):
  monkeypatch.setenv('GLIBC_TUNABLES', 'glibc.malloc.check=0')
  assert process_environment.large_pages() == {}
  assert process_environment.kept_memory() == {}


_FAULTS = """
import resource
import statistics
import jax
import jax.numpy as jnp

@jax.jit
def run(x):
  # Larger than what glibc keeps by itself.
  rows = jax.lax.scan(lambda y, _: (y * 1.01, y), x, None, length=3000)[1]
  return jnp.sum(rows, axis=0)

def faults():
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

x, seen = jnp.ones(3000), []
for _ in range(12):
  before = faults()
  jax.block_until_ready(run(x))
  seen.append(faults() - before)
print(round(statistics.median(seen)))
"""


def test_work_memory_of_xla_is_kept(monkeypatch):
  """The kernel hands out no new pages for most runs of a program.

  Some runs still begin before the memory of the one before is free.
  """
  monkeypatch.delenv('GLIBC_TUNABLES', raising=False)

  def faults(env):
    said = subprocess.run(
      [sys.executable, '-c', _FAULTS],
      env={**os.environ, **env},
      capture_output=True,
      check=True,
      text=True,
    )
    return int(said.stdout)

  kept = process_environment.of_role('learner')
  assert faults(kept) < 100
  # In pages of 4 KiB, as the kernel has them without huge ones.
  assert faults({}) > 2_000, 'otherwise this shows nothing'


def _said_by_a_run(place, monkeypatch, variable):
  """What a process that is started instead of a run finds in a variable."""
  code = f'import os; print(os.environ["{variable}"])'
  monkeypatch.setitem(supervisor._PROGRAMS, 'threads', ('-c', code))
  run = supervisor.Supervisor(place, mock.Mock())
  assert run._start(place.logdir).wait(timeout=20) == 0
  return (pathlib.Path(place.logdir) / 'logs' / 'launcher.log').read_text()


@pytest.fixture
def place(tmp_path):
  request = resolution.Request(game='catch', preset='small', runtime='threads')
  config = resolution.resolve(request, 'cpu', 1, cores=2)
  return topology.local(config, str(tmp_path))


@pytest.mark.parametrize('users', [None, 'glibc.malloc.check=0'])
def test_a_run_starts_with_them(place, monkeypatch, users):
  if users is None:
    monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  else:
    monkeypatch.setenv('GLIBC_TUNABLES', users)
  said = _said_by_a_run(place, monkeypatch, 'GLIBC_TUNABLES').strip()
  assert said == (users or _KEPT)


def _tells_the_parent(started):
  env = started.call_args.kwargs['env']
  assert env['ATTN_AGENTS_PARENT'] == str(os.getpid())


def test_children_are_told_who_started_them(place, monkeypatch):
  said = _said_by_a_run(place, monkeypatch, 'ATTN_AGENTS_PARENT').strip()
  assert said == str(os.getpid())
  # Whatever the launcher's own environment says.
  monkeypatch.setenv('ATTN_AGENTS_PARENT', '1')
  worker = launchpad._process('actor')
  assert worker.env['ATTN_AGENTS_PARENT'] == str(os.getpid())
  with mock.patch.object(actor_supervisor.subprocess, 'Popen') as started:
    actor_supervisor.ActorSupervisor(place, 0)._start(0)
  _tells_the_parent(started)
  servers = reverb_servers.ReverbServers(
    dataclasses.replace(place, ports=(1, 2))
  )
  with mock.patch.object(reverb_servers.subprocess, 'Popen') as started:
    servers._serve_elsewhere(mock.Mock(), mock.Mock())
  _tells_the_parent(started)
  with mock.patch.object(meeting.subprocess, 'run') as started:
    started.return_value.returncode = 0
    meeting.meet(meeting.Request('10.0.0.1:7777', 2, 0, 1.0, {}))
  _tells_the_parent(started)


def test_servers_compute_nothing_and_have_no_pools():
  env = process_environment.of_role('reverb')
  assert env['NPROC'] == env['OMP_NUM_THREADS'] == '1'


_ALONE = {
  'TPU_SKIP_MDS_QUERY': '1', 'TPU_HOST_BOUNDS': '1,1,1',
  'TPU_PROCESS_BOUNDS': '1,1,1', 'TPU_WORKER_ID': '0',
  'TPU_WORKER_HOSTNAMES': 'localhost',
}  # fmt: skip


def test_a_confined_tpu_host_is_told_what_it_cannot_ask(monkeypatch):
  for name in list(os.environ):
    if name.startswith('TPU_'):
      monkeypatch.delenv(name)
  assert process_environment.of_confined_tpu('') == {}
  said = "ACCELERATOR_TYPE: 'v5e-4'\nCHIPS_PER_HOST_BOUNDS: '2,2,1'\n"
  told = {
    'TPU_ACCELERATOR_TYPE': 'v5e-4', 'TPU_CHIPS_PER_HOST_BOUNDS': '2,2,1',
    'TPU_CHIPS_PER_PROCESS_BOUNDS': '2,2,1', **_ALONE,
  }  # fmt: skip
  assert process_environment.of_confined_tpu(said) == told
  # What is not said is not set, and what the user has set stays.
  assert process_environment.of_confined_tpu('ZONE: us\n') == _ALONE
  monkeypatch.setenv('TPU_WORKER_ID', '3')
  del told['TPU_WORKER_ID']
  assert process_environment.of_confined_tpu(said) == told


_POOLS = {
  'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1',
  'TF_NUM_INTRAOP_THREADS': '1', 'TF_NUM_INTEROP_THREADS': '1',
}  # fmt: skip
_QUIET = {'TF_CPP_MIN_LOG_LEVEL': '2'}
_CPU = {'CUDA_VISIBLE_DEVICES': '', 'JAX_PLATFORMS': 'cpu', 'NPROC': '1'}


def test_each_role_has_what_it_computes_with(monkeypatch):
  monkeypatch.setenv('GLIBC_TUNABLES', 'mine')
  monkeypatch.setenv(
    'XLA_FLAGS', '--xla_force_host_platform_device_count=2 --xla_other=1'
  )
  of_role = process_environment.of_role
  assert of_role('learner') == _QUIET
  assert of_role('reverb') == {**_CPU, **_QUIET, **_POOLS}
  playing = {
    **_CPU, **_QUIET, **_POOLS,
    'XLA_FLAGS': '--xla_other=1 --xla_cpu_multi_thread_eigen=false',
  }  # fmt: skip
  assert of_role('actor') == of_role('evaluator') == playing
  of_launcher = process_environment.of_launcher
  assert of_launcher('launchpad') == {}
  assert of_launcher('threads') == {**_POOLS, **_QUIET}
  monkeypatch.delenv('GLIBC_TUNABLES')
  kept = {'GLIBC_TUNABLES': _KEPT}
  assert of_launcher('launchpad') == {'GLIBC_TUNABLES': _LARGE}
  assert of_launcher('threads') == {**kept, **_POOLS, **_QUIET}
  assert of_role('learner') == {**kept, **_QUIET}
  assert of_role('actor') == of_role('evaluator') == playing
  assert 'GLIBC_TUNABLES' not in of_role('reverb')
