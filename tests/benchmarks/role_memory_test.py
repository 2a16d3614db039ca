"""Processes of a benchmark have the memory settings of the role they play."""

import pathlib

import pytest

from attn_agents.distributed import process_environment
from benchmarks import cable, hosts_path, line_process, role_memory

_ROOT = pathlib.Path(__file__).parents[2]
_NAME = 'GLIBC_TUNABLES'


@pytest.fixture(autouse=True)
def _of_a_learner(monkeypatch):
  # As a benchmark's own process has them.
  monkeypatch.delenv(_NAME, raising=False)
  monkeypatch.setenv(_NAME, process_environment.kept_memory()[_NAME])
  role_memory.variables.cache_clear()


def test_only_a_learner_keeps_its_memory():
  one_heap = {
    role: 'arena_max=1' in role_memory.variables(_ROOT, role)[_NAME]
    for role in ('learner', 'actor', 'reverb')
  }
  assert one_heap == {'learner': True, 'actor': False, 'reverb': False}


@pytest.mark.parametrize(
  ('name', 'role'), [('read', 'learner'), ('relay', 'reverb')]
)
def test_a_process_of_a_host_has_its_roles(monkeypatch, name, role):
  given = []
  monkeypatch.setattr(line_process, 'Process', lambda *x: given.append(x))
  hosts_path.start_process(cable.Host('10.0.0.1', 7), name, 7)
  assert given[0][2] == role_memory.variables(_ROOT, role)
