"""Large pages are requested unless the user has set glibc's tunables."""

from unittest import mock

import pytest

from attn_agents.distributed import process_environment, supervisor, topology
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
  process = supervisor.Supervisor(place, mock.Mock())._start()
  assert process.wait(timeout=20) == 0
  said = (tmp_path / 'logs' / 'launcher.log').read_text().strip()
  assert said == (users or 'glibc.malloc.hugetlb=1')


def test_servers_compute_nothing_and_have_no_pools():
  env = process_environment.of_role('reverb')
  assert env['NPROC'] == env['OMP_NUM_THREADS'] == '1'
