"""Suites of runs: the plan, and running it with stand-in commands."""

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from attn_agents.runs import run_directory
from attn_agents.utils import machine
from configs import errors, games, overrides, resolution
from launch import suite, suite_worker
from tests import terminal
from tests.launch import commands


def test_every_agent_plays_every_game_with_every_seed(tmp_path):
  runs = suite.plan(
    ['s3ta', 'drarl'], 'pong,sweep6,pong', 2, tmp_path, 1000, ['--set=a=b'], 30
  )
  assert len(runs) == 2 * 7 * 2
  assert len({run.logdir for run in runs}) == len(runs)
  assert [run.name for run in runs[:5]] == [
    's3ta_pong_seed0', 'drarl_pong_seed0', 's3ta_pong_seed1',
    'drarl_pong_seed1', 's3ta_battle_zone_seed0',
  ]  # fmt: skip
  train, evaluate = runs[3].commands
  assert {
    '--agent=drarl', '--game=pong', '--seed=1', '--max_frames=1000',
    f'--logdir={tmp_path / "drarl_pong_seed1"}', '--set=a=b',
  } <= set(train)  # fmt: skip
  assert '--episodes=30' in evaluate


def test_sets_hold_games():
  assert len(games.GAME_SETS['all']) == 57
  for names in games.GAME_SETS.values():
    assert set(names) <= set(games.ATARI_GAMES)
  with pytest.raises(errors.ConfigError, match="did you mean 'sweep6'"):
    suite.plan(['s3ta'], 'sweep', 1, pathlib.Path(), 1)


def _left_behind(logdir, frames, step=None, episodes=30):
  """What a run leaves that trained so far, and was evaluated at `step`."""
  (logdir / 'checkpoints' / '70').mkdir(parents=True)
  (logdir / 'checkpoints' / '100').mkdir()
  (logdir / 'metrics.csv').write_text(f'frames,loss\n400,1\n{frames},1\n')
  if step is not None:
    name = f'pong_{step}_sampled_noop_{episodes}_seed0'
    (logdir / 'evaluations' / name).mkdir(parents=True)
    (logdir / 'evaluations' / name / 'summary.json').write_text('{}')


@pytest.mark.parametrize(
  ('frames', 'step', 'episodes', 'left'),
  [
    (None, None, None, ['run_local', 'evaluate']),
    (999, 100, 30, ['run_local', 'evaluate']),
    (1000, None, None, ['evaluate']),
    (1000, 70, 30, ['evaluate']),
    (1000, 100, 20, ['evaluate']),
    (1024, 100, 30, []),
  ],
)
def test_what_is_done_is_skipped(tmp_path, frames, step, episodes, left):
  (run,) = suite.plan(['s3ta'], 'pong', 1, tmp_path, 1000, [], 30)
  if frames is not None:
    _left_behind(run.logdir, frames, step, episodes)
  assert [pathlib.Path(c[1]).stem for c in run.left()] == left


def test_a_run_that_was_killed_before_it_saved_trains_on(tmp_path):
  (run,) = suite.plan(['s3ta'], 'pong', 1, tmp_path, 1000)
  _left_behind(run.logdir, 1000)
  metrics = run.logdir / 'metrics.csv'
  for step, trained in ((100, True), (101, False)):
    metrics.write_text(f'frames,learner_steps\n1000,{step}\n')
    assert run.trained == trained


def test_a_name_that_is_given_twice_is_one_run(tmp_path):
  runs = suite.plan(['s3ta', 'drqn', 's3ta'], 'pong,pong', 1, tmp_path, 1000)
  assert [run.name for run in runs] == ['s3ta_pong_seed0', 'drqn_pong_seed0']


def test_an_evaluation_with_another_cap_is_not_the_suites(tmp_path):
  runs = [
    suite.plan(['s3ta'], 'pong', 1, tmp_path, 1000, [], 30, cap)[0]
    for cap in (108_000, 4000)
  ]
  _left_behind(runs[0].logdir, 1000, 100)
  assert [len(run.left()) for run in runs] == [0, 1]
  assert '--max_episode_frames=4000' in runs[1].left()[0]


# Signals are heard from the first `Worker.run` on.
pytestmark = pytest.mark.usefixtures('restored_handlers')


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
  monkeypatch.setattr(suite_worker, '_POLL_SECONDS', 0.02)


def _stand_in(monkeypatch, codes):
  """Runs that write when they begin and end, and end with these codes.

  They make `<logdir>.started`, and `<logdir>.saved` if they are stopped.
  """
  script = (
    'import sys, time, pathlib, json, signal\n'
    'path = pathlib.Path(sys.argv[1])\n'
    'def save(*args):\n'
    '  path.with_suffix(".saved").touch()\n'
    '  sys.exit(75)\n'
    'signal.signal(signal.SIGTERM, save)\n'
    'path.with_suffix(".started").touch()\n'
    'print("the cause of it")\n'
    'start = time.time()\n'
    'time.sleep(float(sys.argv[3]))\n'
    'path.write_text(json.dumps([start, time.time()]))\n'
    'sys.exit(int(sys.argv[2]))\n'
  )

  def left(self):
    code, seconds = codes[self.seed]
    path = f'{self.logdir}.times'
    return [[sys.executable, '-c', script, path, str(code), str(seconds)]]

  monkeypatch.setattr(suite.Run, 'left', left)


def _most_at_a_time(directory):
  spans = [json.loads(p.read_text()) for p in directory.glob('*.times')]
  return max(sum(a <= s < b for a, b in spans) for s, _ in spans)


def test_failures_are_named_and_others_go_on(tmp_path, monkeypatch):
  _stand_in(monkeypatch, [(0, 0.6), (3, 0.6), (0, 0.6), (0, 0.6)])
  runs = suite.plan(['s3ta'], 'pong', 4, tmp_path, 1000)
  said = []
  outcome = suite_worker.Worker(2, said.append).run(runs)
  assert outcome.failed == {'s3ta_pong_seed1': 'exit code 3: the cause of it'}
  assert outcome.unfinished == []
  assert len(list(tmp_path.glob('*.times'))) == 4
  assert _most_at_a_time(tmp_path) == 2
  assert sum('done' in line for line in said) == 3


@pytest.mark.parametrize(
  'number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]
)
def test_a_signal_reaches_the_runs_and_starts_no_other(
  tmp_path, monkeypatch, number
):
  _stand_in(monkeypatch, [(0, 30), (0, 30), (0, 30)])
  runs = suite.plan(['s3ta'], 'pong', 3, tmp_path, 1000)
  worker = suite_worker.Worker(2, print)

  def stop_when_started():
    deadline = time.monotonic() + 25
    while len(list(tmp_path.glob('*.started'))) < 2:
      if time.monotonic() > deadline:
        break
      time.sleep(0.05)
    signal.raise_signal(number)

  threading.Thread(target=stop_when_started).start()
  outcome = worker.run(runs)
  assert outcome.failed == {}
  assert len(outcome.unfinished) == 2
  assert worker.stop_signal == number
  # None ran to its end, and none was killed before it could save.
  assert not list(tmp_path.glob('*.times'))
  assert len(list(tmp_path.glob('*.saved'))) == 2
  assert not list(tmp_path.glob('*seed2*'))


_STAND_IN = """
import pathlib, sys
from launch import suite, suite_worker
script = '''
import fcntl, pathlib, signal, sys, time
lock = open(sys.argv[1] + '/lock', 'w')
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
def save(number, frame):
  time.sleep(1.6)
  pathlib.Path(sys.argv[1] + '/saved').touch()
  sys.exit(75)
signal.signal(signal.SIGTERM, save)
if not pathlib.Path(sys.argv[1] + '/saved').exists():
  pathlib.Path(sys.argv[1] + '/started').touch()
  time.sleep(60)
'''
suite.Run.left = lambda self: [[sys.executable, '-c', script, str(self.logdir)]]
"""
_SUITE = """
runs = suite.plan(['s3ta'], 'pong', 1, pathlib.Path(sys.argv[1]), 1000)
print(suite_worker.Worker(1, print).run(runs), flush=True)
"""


def _suite(directory, under=()):
  return subprocess.Popen(
    [*under, sys.executable, '-c', _STAND_IN + _SUITE, str(directory)],
    cwd=commands.LAUNCH.parent, stdout=subprocess.PIPE, text=True,
  )  # fmt: skip


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGHUP])
def test_a_suite_that_ends_ends_its_runs_and_the_next_one_goes_on(
  tmp_path, number
):
  logdir = tmp_path / 's3ta_pong_seed0'
  logdir.mkdir()
  first = _suite(tmp_path)
  deadline = time.monotonic() + 60
  while not (logdir / 'started').exists():
    assert time.monotonic() < deadline
    assert first.poll() is None
    time.sleep(0.05)
  first.send_signal(number)
  if number == signal.SIGKILL:
    first.wait(10)
    # Its run is still saving, and holds the lock.
    assert not (logdir / 'saved').exists()
  else:
    said = first.communicate(timeout=20)[0].splitlines()
    assert said[-1] == "Outcome(failed={}, unfinished=['s3ta_pong_seed0'])"
    assert (logdir / 'saved').exists()
  said = _suite(tmp_path).communicate(timeout=60)[0].splitlines()
  assert (logdir / 'saved').exists()
  assert said[-1] == 'Outcome(failed={}, unfinished=[])'


@pytest.mark.parametrize('times', [1, 2])
def test_a_second_ctrl_c_at_a_terminal_does_not_wait_for_the_runs(
  tmp_path, times
):
  logdir = tmp_path / 's3ta_pong_seed0'
  logdir.mkdir()
  with terminal.opened() as (under, press_ctrl_c):
    process = _suite(tmp_path, under)
    deadline = time.monotonic() + 60
    while not (logdir / 'started').exists():
      assert time.monotonic() < deadline
      assert process.poll() is None
      time.sleep(0.05)
    for _ in range(times):
      press_ctrl_c()
      time.sleep(0.5)
    said = process.communicate(timeout=20)[0].splitlines()
  assert said[-1] == "Outcome(failed={}, unfinished=['s3ta_pong_seed0'])"
  assert (logdir / 'saved').exists() == (times == 1)


_COMMAND = """
import sys
from launch import command_line, run_suite
suite.require_any_valid = lambda *_: None
sys.exit(command_line.run(run_suite.main, sys.argv))
"""


@pytest.mark.parametrize(
  ('number', 'code'), [(signal.SIGTERM, 75), (signal.SIGINT, 0)]
)
def test_a_suite_does_not_depend_on_being_watched(tmp_path, number, code):
  logdir = tmp_path / 's3ta_pong_seed0'
  logdir.mkdir()
  process = subprocess.Popen(
    [
      sys.executable, '-c', _STAND_IN + _COMMAND, '--games=pong',
      '--max_frames=1000', '--seeds=1', f'--root={tmp_path}',
    ],
    cwd=commands.LAUNCH.parent, stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT, text=True,
  )  # fmt: skip
  deadline = time.monotonic() + 60
  while not (logdir / 'started').exists():
    assert time.monotonic() < deadline
    assert process.poll() is None, process.stdout.read()
    time.sleep(0.05)
  process.stdout.close()
  process.send_signal(number)
  assert process.wait(20) == code
  assert (logdir / 'saved').exists()


def test_settings_that_no_run_on_disk_can_go_on_with_are_refused(tmp_path):
  request = resolution.Request(
    agent='impala_ff', game='catch', preset='small', runtime='threads', seed=0
  )
  old = run_directory.RunDirectory(tmp_path / 'old')
  old.path.mkdir()
  config = resolution.resolve(request, 'cpu', 1, 2)
  old.write({'config': overrides.to_dict(config)})
  changed = dataclasses.replace(request, settings=['learning.discount=0.5'])
  with pytest.raises(errors.ConfigError, match='different config'):
    suite.require_any_valid({old.path: changed})
  suite.require_any_valid({old.path: changed, tmp_path / 'new': changed})


def test_runs_that_have_trained_are_not_judged(tmp_path):
  _left_behind(tmp_path / 's3ta_pong_seed0', 1000, 100)
  suite_flags = [
    '--agents=s3ta', '--games=pong', '--seeds=1', '--max_frames=1000',
    '--episodes=30', f'--root={tmp_path}',
    # A training here would refuse this.
    '--set=learning.discount=2',
  ]  # fmt: skip
  done = commands.run('run_suite', *suite_flags, timeout=60.0)
  assert done.returncode == 0, done
  assert done.stdout.splitlines() == [
    's3ta_pong_seed0: already done', 'all 1 done'
  ]  # fmt: skip
  more = commands.refused('run_suite', *suite_flags, '--max_frames=2000')
  assert 'learning.discount=2' in more


def test_a_run_that_is_done_is_another_suites_if_its_config_differs(tmp_path):
  logdir = tmp_path / 'impala_ff_pong_seed0'
  _left_behind(logdir, 1000, 100)
  request = resolution.Request(
    agent='impala_ff', game='pong', preset='small', runtime='threads', seed=0,
    max_frames=1000,
  )  # fmt: skip
  config = resolution.resolve(request, 'cpu', 1, 2)
  run_directory.RunDirectory(logdir).write(
    {'config': overrides.to_dict(config)}
  )
  suite_flags = [
    '--agents=impala_ff', '--games=pong', '--seeds=1', '--max_frames=1000',
    '--episodes=30', '--preset=small', '--runtime=threads',
    f'--root={tmp_path}',
  ]  # fmt: skip
  line = commands.refused(
    'run_suite', *suite_flags, '--set=learning.discount=0.5'
  )
  assert f'--logdir={logdir} belongs to a different config' in line
  assert f'learning.discount: {config.learning.discount} there, 0.5 now' in line
  done = commands.run('run_suite', *suite_flags, timeout=60.0)
  assert done.stdout.splitlines()[-1] == 'all 1 done', done


@pytest.mark.parametrize(
  ('hours', 'left'),
  [
    (2.0, []),
    (2.5, ['run_local', 'evaluate']),
    (0.0, ['run_local', 'evaluate']),
  ],
)
def test_a_run_whose_hours_are_over_is_done(tmp_path, hours, left):
  (run,) = suite.plan(
    ['s3ta'], 'pong', 1, tmp_path, 1000, [], 30, max_hours=hours
  )
  _left_behind(run.logdir, 999, 100)
  (run.logdir / 'metrics.csv').write_text('wall_time,frames\n7200.5,999\n')
  assert [pathlib.Path(c[1]).stem for c in run.left()] == left
  assert (f'--max_hours={hours}' in run.commands[0]) == (hours > 0)


@pytest.mark.parametrize('flag', ['--max_hours=2', '--set=max_hours=2'])
def test_hours_are_those_of_the_flag_or_setting(tmp_path, flag):
  logdir = tmp_path / 's3ta_pong_seed0'
  _left_behind(logdir, 999, 100)
  (logdir / 'metrics.csv').write_text('wall_time,frames\n7200.5,999\n')
  suite_flags = [
    '--agents=s3ta', '--games=pong', '--seeds=1', '--max_frames=1000',
    '--episodes=30', f'--root={tmp_path}', '--dry_run', flag,
  ]  # fmt: skip
  done = commands.run('run_suite', *suite_flags)
  assert (done.returncode, done.stdout) == (0, ''), done
  line = commands.refused('run_suite', *suite_flags, f'{flag[:-1]}-1')
  assert 'max_hours=-1.0: expected' in line


def test_nobody_asks_for_devices_if_nothing_trains(monkeypatch):
  monkeypatch.setattr(machine, 'probe_devices', lambda: pytest.fail('asked'))
  suite.require_any_valid({})


def test_dry_run_prints_the_commands_and_runs_nothing(tmp_path):
  done = commands.run(
    'run_suite', '--agents=s3ta,impala_ff', '--games=paper7', '--seeds=1',
    '--max_frames=1000', f'--root={tmp_path / "suite"}', '--dry_run',
    '--episodes=0', '--set=learning.discount=0.95', timeout=60.0,
  )  # fmt: skip
  assert done.returncode == 0, done
  lines = done.stdout.splitlines()
  assert len(lines) == 14
  assert all('--set=learning.discount=0.95' in line for line in lines)
  assert not (tmp_path / 'suite').exists()


@pytest.mark.parametrize(
  ('args', 'words'),
  [
    (['--games=pon'], "did you mean 'pong'"),
    (['--agents=s3ta,drar'], "did you mean 'drarl'"),
    (['--seeds=0'], '--seeds=0: expected at least 1'),
    (['--seeds=3000000000', '--games=pong'], 'expected at most 10000 ('),
    (['--seeds=1667', '--dry_run'], 'expected at most 1666 ('),
    (['--max_episode_frames=2'], '=2: expected 4 (one step) to '),
    (['--max_episode_frames=2', '--dry_run'], '=2: expected 4 (one step) to '),
    (['--agents='], '--agents=: expected names of agents'),
    (['--games='], "unknown game ''"),
    (['--preset=smal'], "did you mean 'small'"),
    (['--max_frames=0'], 'expected the frames of each run'),
    (['--set=learning.batchsize=3'], "did you mean 'batch_size'?"),
    (['--set=learning.discount=2'], 'learning.discount=2'),
    (['--set=learning.discount=2', '--dry_run'], 'learning.discount=2'),
  ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, args, words):
  root = tmp_path / 'suite'
  line = commands.refused(
    'run_suite', '--max_frames=1000', f'--root={root}', *args
  )
  assert words in line
  assert not root.exists()


def test_a_root_below_a_file_is_refused(tmp_path):
  root = tmp_path / 'file' / 'suite'
  root.parent.touch()
  line = commands.refused('run_suite', '--max_frames=1000', f'--root={root}')
  assert f'--root={root}: expected a directory, and ' in line


@pytest.mark.parametrize(
  ('signalled', 'failed', 'unfinished', 'code'),
  [
    (0, {}, [], 0),
    (0, {'a': 'exit code 3'}, [], 1),
    (0, {'a': 'exit code 3'}, ['b'], 1),
    # Its runs were stopped, by whomever.
    (0, {}, ['b'], 75),
    # A user's Ctrl-C is no reason to begin again, a machine's signal is one.
    (2, {}, ['b'], 0),
    (2, {'a': 'exit code 3'}, ['b'], 1),
    (15, {}, [], 75),
    (15, {'a': 'exit code 3'}, [], 75),
  ],
)
def test_the_exit_code_says_whether_to_run_a_suite_again(
  signalled, failed, unfinished, code
):
  worker = suite_worker.Worker(1, print)
  worker._requests.first = signalled
  outcome = suite_worker.Outcome(failed, unfinished)
  assert worker.exit_code(outcome) == code


def test_the_last_line_of_a_log_is_that_of_this_command(tmp_path):
  log = tmp_path / 'a.log'
  log.write_bytes(b'of another\n')
  assert suite_worker._last_line(log, 11) == ''
  log.write_bytes(b'of another\nfirst\n  last \n\n')
  assert suite_worker._last_line(log, 11) == 'last'
  # Of a long one the end is read, whatever it is.
  log.write_bytes(b'x' * 5000 + b'\xff')
  assert suite_worker._last_line(log, 0) == 'x' * 4095 + '\ufffd'
