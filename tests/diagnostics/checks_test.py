"""What single checks say and refuse, with stand-ins for what they look at."""

import json
import os
import types

import pytest

from attn_agents.diagnostics import agents, checks, child, games, locks
from attn_agents.distributed import isolation
from attn_agents.utils import machine


def _ask(name):
  return checks.by_name(name).ask()


@pytest.mark.parametrize(
  ('launchpad', 'version', 'system', 'processor', 'ok'),
  [
    (True, (3, 10, 4), 'linux', 'x86_64', True),
    (True, (3, 11, 4), 'linux', 'x86_64', False),
    (True, (3, 9, 4), 'linux', 'x86_64', False),
    (True, (3, 10, 4), 'darwin', 'x86_64', False),
    (True, (3, 10, 4), 'linux', 'aarch64', False),
    # Without Launchpad, what the packages install on will do.
    (False, (3, 12, 1), 'darwin', 'arm64', True),
  ],
)
def test_launchpad_wants_one_platform(
  monkeypatch, launchpad, version, system, processor, ok
):
  found = types.SimpleNamespace(
    python='3.x', platform='here', cores=4, memory_bytes=8 * 2**30
  )
  monkeypatch.setattr(machine, 'describe', lambda: found)
  monkeypatch.setattr(locks, 'has_launchpad', lambda: launchpad)
  monkeypatch.setattr(
    checks, 'sys', types.SimpleNamespace(version_info=version, platform=system)
  )
  monkeypatch.setattr(
    checks, 'platform', types.SimpleNamespace(machine=lambda: processor)
  )
  detail = 'Python 3.x, here, 4 cores, 8 GiB'
  if ok:
    assert _ask('platform') == detail
  else:
    with pytest.raises(RuntimeError, match=f'^{detail}$'):
      _ask('platform')


@pytest.mark.parametrize(
  ('wrong', 'line'),
  [
    (['a', 'b', 'c'], '^a, b, c$'),
    (['a', 'b', 'c', 'd', 'e'], '^a, b, c and 2 more$'),
  ],
)
def test_three_packages_that_differ_are_named(monkeypatch, wrong, line):
  monkeypatch.setattr(locks, 'installed_variant', lambda: 'tpu')
  monkeypatch.setattr(locks, 'differences', lambda variant: wrong)
  with pytest.raises(RuntimeError, match=line):
    _ask('versions')
  monkeypatch.setattr(locks, 'differences', lambda variant: [])
  monkeypatch.setattr(locks, 'pins', lambda variant: dict.fromkeys('xyz', '1'))
  assert _ask('versions') == '3 packages as in requirements/tpu.txt'


def test_devices_are_told_or_why_there_are_none(monkeypatch):
  found = types.SimpleNamespace(platform='gpu', count=2, kind='H100', reason='')
  monkeypatch.setattr(machine, 'probe_devices', lambda: found)
  assert _ask('devices') == 'learner: gpu (2 x H100); actors: cpu'
  found.reason = 'no driver'
  with pytest.raises(RuntimeError, match=r'^no driver$'):
    _ask('devices')


def test_isolation_is_told_or_why_it_is_not_possible(monkeypatch):
  found = types.SimpleNamespace(confined=True, detail='a namespace')
  monkeypatch.setattr(isolation, 'confine_to_loopback', lambda: found)
  said = []
  monkeypatch.setattr(checks, '_loopback', lambda: said.append('answered'))
  assert _ask('isolation') == 'reachable from no other host: a namespace'
  assert said == ['answered']
  found.confined = False
  with pytest.raises(RuntimeError, match=r'^a namespace$'):
    _ask('isolation')


def test_a_library_is_imported_and_its_version_told(monkeypatch):
  imported = []
  monkeypatch.setattr(checks.importlib, 'import_module', imported.append)
  monkeypatch.setattr(
    checks.importlib.metadata, 'version', lambda name: f'{name} 1.2'
  )
  assert _ask('import orbax') == 'orbax-checkpoint 1.2'
  assert imported == ['tensorstore', 'orbax.checkpoint']


def _fails():
  raise ValueError('one\ntwo')


@pytest.mark.parametrize('kind', ['game', 'agent', 'check'])
def test_a_child_answers_each_question_in_a_line(monkeypatch, tmp_path, kind):
  def ask(name):
    return _fails() if name == 'b' else f'{kind} {name}'

  monkeypatch.setattr(games, 'play', ask if kind == 'game' else None)
  monkeypatch.setattr(agents, 'describe', ask if kind == 'agent' else None)
  monkeypatch.setattr(
    checks, 'by_name', lambda name: types.SimpleNamespace(ask=lambda: ask(name))
  )
  path = tmp_path / 'answers'
  with open(path, 'w') as file:
    child.main([str(os.dup(file.fileno())), kind, 'a', 'b', 'c'])
  assert [json.loads(line) for line in path.read_text().splitlines()] == [
    [True, f'{kind} a'],
    [False, 'ValueError: one two'],
    [True, f'{kind} c'],
  ]
