"""The doctor's screen, exit codes and remedies."""

import pathlib
import subprocess
import sys

import pytest

from attn_agents.diagnostics import checks, locks, runner
from attn_agents.environments import atari_suite
from configs import agents, errors, games
from launch import command_line, doctor

_DOCTOR = pathlib.Path(doctor.__file__)


def _doctor(*args: str, timeout: float = 60.0) -> subprocess.CompletedProcess:
  return subprocess.run(
    [sys.executable, str(_DOCTOR), *args],
    env={'PYTHONPATH': str(_DOCTOR.parents[1])},
    capture_output=True,
    text=True,
    timeout=timeout,
    check=False,
  )


def _run(argv: list[str]) -> int:
  return command_line.run(doctor.main, argv)


@pytest.mark.parametrize(
  ('arg', 'message'),
  [
    ('--gams', "Unknown command line flag 'gams'"),
    ('--games=perhaps', '--games'),
    ('everything', "unexpected argument 'everything'"),
  ],
)
def test_bad_flags_exit_2_with_one_line(arg: str, message: str):
  done = _doctor(arg)
  assert done.returncode == 2
  assert message in done.stderr
  assert done.stderr.count('\n') == 1
  assert not done.stdout


@pytest.fixture
def answers(monkeypatch):
  """Replaces what children would say; everything passes unless changed."""
  said: dict[str, str] = {}

  def ask(kind, names, timeout):
    del kind, timeout
    for name in names:
      yield runner.Answer(name, name not in said, said.get(name, 'detail'))

  monkeypatch.setattr(runner, 'ask', ask)
  return said


@pytest.fixture(params=[True, False])
def launchpad(request, monkeypatch):
  """With and without Launchpad, whichever this environment has."""
  monkeypatch.setattr(locks, 'has_launchpad', lambda: request.param)
  return request.param


def test_only_what_several_processes_need_is_left_out(launchpad):
  asked = {check.name for check in checks.applicable()}
  left_out = {check.name for check in checks.CHECKS} - asked
  needed = {
    'import tensorflow', 'import reverb', 'import launchpad', 'loopback',
    'isolation', 'Reverb round trip', 'Launchpad program',
  }  # fmt: skip
  assert left_out == (set() if launchpad else needed)


def test_all_well_is_a_line_per_check_and_exit_0(answers, launchpad, capsys):
  assert _run(['doctor', '--nogames', '--noallow_open_ports']) == 0
  lines = capsys.readouterr().out.splitlines()
  asked = 15 if launchpad else 8
  assert lines[-1] == f'all {asked} passed'
  # One screen.
  assert len(lines) == asked + 1 <= 24
  assert all(line.startswith('ok ') for line in lines[:-1])


@pytest.mark.parametrize('name', [check.name for check in checks.CHECKS])
def test_each_failure_is_named_with_its_remedy(
  answers, monkeypatch, capsys, name
):
  monkeypatch.setattr(locks, 'has_launchpad', lambda: True)
  answers[name] = 'why [not]'
  assert _run(['doctor', '--nogames', '--noallow_open_ports']) == 1
  lines = capsys.readouterr().out.splitlines()
  (at,) = (i for i, line in enumerate(lines) if line.startswith('FAIL '))
  assert name in lines[at]
  assert lines[at].endswith('why [not]')
  assert checks.by_name(name).remedy in lines[at + 1]
  assert lines[-1] == f'1 of {len(checks.CHECKS)} failed: {name}'


def test_an_envpool_that_does_not_fit_numpy_is_told(monkeypatch):
  ask = checks.by_name('EnvPool and NumPy').ask
  versions = {'envpool': '0.8.4', 'numpy': '2.2.6'}
  monkeypatch.setattr(atari_suite, '_version', versions.__getitem__)
  with pytest.raises(errors.ConfigError, match=r'0\.8\.4 .* NumPy 2\.2\.6'):
    ask()
  versions['numpy'] = '1.26.4'
  assert ask() == 'EnvPool 0.8.4, NumPy 1.26.4'


def test_open_ports_can_be_accepted(answers, monkeypatch, capsys):
  monkeypatch.setattr(locks, 'has_launchpad', lambda: True)
  answers['isolation'] = 'refused'
  assert _run(['doctor', '--nogames', '--allow_open_ports']) == 0
  assert 'not possible' in capsys.readouterr().out


def test_failing_game_is_named(answers, capsys):
  answers['tennis'] = 'no ROM'
  assert _run(['doctor', '--games']) == 1
  lines = capsys.readouterr().out.splitlines()
  assert len(lines) == len(games.ATARI_GAMES) + 1
  assert lines[-1] == '1 of 57 failed: tennis'


@pytest.mark.parametrize(
  ('flags', 'kind', 'names', 'seconds'),
  [
    (['--games', '--noagents'], 'game', games.ATARI_GAMES, 60.0),
    (['--nogames', '--agents'], 'agent', list(agents.AGENTS), 60.0),
  ],
)
def test_children_are_asked_for_all_of_a_kind(
  monkeypatch, capsys, flags, kind, names, seconds
):
  asked = []
  for name in ('games', 'agents'):
    # Put back for other tests.
    monkeypatch.setattr(doctor.flags.FLAGS[name], 'value', False)

  def ask(*given):
    asked.append(given)
    yield runner.Answer('x', True, 'a [b] 1.5 and more' * 9)

  monkeypatch.setattr(runner, 'ask', ask)
  assert _run(['doctor', *flags]) == 0
  assert asked == [(kind, names, seconds)]
  *head, line, last = capsys.readouterr().out.splitlines()
  # In one line, however long, and with what looks like markup.
  assert line == f'ok   {"x":19}' + 'a [b] 1.5 and more' * 9
  assert last == 'all 1 passed'
  assert [x.split()[0] for x in head] == ['agent'] * (kind == 'agent')


def test_each_check_has_its_own_time(monkeypatch, capsys):
  asked = []

  def ask(kind, names, timeout):
    asked.append((kind, *names, timeout))
    yield runner.Answer(names[0], names[0] == 'isolation', 'x')

  monkeypatch.setattr(runner, 'ask', ask)
  flags = ['--nogames', '--noagents', '--allow_open_ports']
  assert _run(['doctor', *flags]) == 1
  assert asked == [('check', x.name, x.timeout) for x in checks.applicable()]
  # What works is not made less of.
  assert 'not required' not in capsys.readouterr().out


def test_imports_nothing_heavy():
  code = (
    'import sys; sys.argv[:] = ["doctor"]; from launch import doctor\n'
    'heavy = {"jax", "envpool", "tensorflow", "reverb", "launchpad", "rlax"}\n'
    'print(sorted(heavy & sys.modules.keys()))'
  )
  done = subprocess.run(
    [sys.executable, '-c', code],
    cwd=_DOCTOR.parents[1],
    capture_output=True,
    text=True,
    check=True,
  )
  assert done.stdout == '[]\n'


@pytest.mark.slow
def test_this_machine_passes():
  done = _doctor('--allow_open_ports', timeout=500)
  assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_every_game_starts():
  done = _doctor('--games', timeout=500)
  assert done.returncode == 0, done.stdout
  assert done.stdout.count('210x160x3') == 57


def test_agents_are_a_table():
  done = _doctor('--agents')
  assert done.returncode == 0, done.stderr
  head, *rows, last = done.stdout.splitlines()
  assert 'parameters' in head and 'MFLOP/step' in head and 'state' in head
  assert len(rows) == len(agents.AGENTS)
  for row, name in zip(rows, agents.AGENTS, strict=True):
    assert row.split()[:2] == ['ok', name]
  (s3ta,) = (row.split()[2:] for row in rows if row.split()[1] == 's3ta')
  assert s3ta[0] == '210x160x3'
  assert s3ta[1] == '2,287,123'
  assert s3ta[3] == '555,008'
  assert last == f'all {len(agents.AGENTS)} passed'


def test_two_tables_at_once_are_refused():
  done = _doctor('--agents', '--games')
  assert done.returncode == 2
  assert 'only one of them' in done.stderr
