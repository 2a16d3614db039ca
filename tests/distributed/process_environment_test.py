"""What a run's processes find in their environment."""

import os
from unittest import mock

import pytest

from attn_agents.distributed import process_environment, supervisor, topology
from attn_agents.distributed.programs import launchpad
from attn_agents.distributed.roles import actor_supervisor
from configs import resolution


def test_large_pages_by_default(monkeypatch):
  monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  assert process_environment.large_pages() == {
    'GLIBC_TUNABLES': 'glibc.malloc.hugetlb=1'
  }


def test_the_users_tunables_stay(monkeypatch):
  monkeypatch.setenv('GLIBC_TUNABLES', 'glibc.malloc.check=0')
  assert process_environment.large_pages() == {}


@pytest.mark.parametrize('users', [None, 'glibc.malloc.check=0'])
def test_a_run_starts_with_them(tmp_path, monkeypatch, users):
  if users is None:
    monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  else:
    monkeypatch.setenv('GLIBC_TUNABLES', users)
  # Instead of a run, a process that says what it was given.
  code = 'import os; print(os.environ["GLIBC_TUNABLES"])'
  monkeypatch.setitem(supervisor._PROGRAMS, 'threads', ('-c', code))
  request = resolution.Request(game='catch', preset='small', runtime='threads')
  config = resolution.resolve(request, 'cpu', 1, cores=2)
  place = topology.local(config, str(tmp_path))
  process = supervisor.Supervisor(place, mock.Mock())._start(str(tmp_path))
  assert process.wait(timeout=20) == 0
  said = (tmp_path / 'logs' / 'launcher.log').read_text().strip()
  assert said == (users or 'glibc.malloc.hugetlb=1')


def test_children_are_told_who_started_them(tmp_path, monkeypatch):
  code = 'import os; print(os.environ["ATTN_AGENTS_PARENT"])'
  monkeypatch.setitem(supervisor._PROGRAMS, 'threads', ('-c', code))
  request = resolution.Request(game='catch', preset='small', runtime='threads')
  config = resolution.resolve(request, 'cpu', 1, cores=2)
  place = topology.local(config, str(tmp_path))
  process = supervisor.Supervisor(place, mock.Mock())._start(str(tmp_path))
  assert process.wait(timeout=20) == 0
  said = (tmp_path / 'logs' / 'launcher.log').read_text().strip()
  assert said == str(os.getpid())
  # Whatever the launcher's own environment says.
  monkeypatch.setenv('ATTN_AGENTS_PARENT', '1')
  worker = launchpad._process('actor')
  assert worker.env['ATTN_AGENTS_PARENT'] == str(os.getpid())
  with mock.patch.object(actor_supervisor.subprocess, 'Popen') as started:
    actor_supervisor.ActorSupervisor(place, 0)._start(0)
  env = started.call_args.kwargs['env']
  assert env['ATTN_AGENTS_PARENT'] == str(os.getpid())


def test_servers_compute_nothing_and_have_no_pools():
  env = process_environment.of_role('reverb')
  assert env['NPROC'] == env['OMP_NUM_THREADS'] == '1'
