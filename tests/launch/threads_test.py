"""`--runtime=threads` as a user would run it: one process, no ports."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.runs import checkpoints
from attn_agents.utils import metrics_table
from tests.launch import running

_THREADS = '--runtime=threads'


def _run(logdir, *args):
  return running.LocalRun(logdir, *running.TINY_CATCH, *args)


def _stop(run, number=signal.SIGINT):
  start = time.monotonic()
  run.process.send_signal(number)
  code = 0 if number == signal.SIGINT else 75
  assert run.end(timeout=20) == code, run.text()
  assert time.monotonic() - start < 20
  assert run.last_line().startswith('stopped; checkpoint saved at ')
  assert not run.orphans(least=1)


def _listening(process: psutil.Process) -> list:
  return [
    c for c in process.net_connections('inet') if c.status == psutil.CONN_LISTEN
  ]


def test_train_continue_stop_and_be_killed(tmp_path):
  # 1. From nothing to max_frames.
  logdir = tmp_path / 'run'
  run = _run(logdir, _THREADS, '--max_frames=4000')
  assert run.end(timeout=100) == 0, run.text()
  assert run.last_line().startswith('done; checkpoint saved at ')
  assert 'runtime   threads (asked for)' in run.text()
  assert 'network   opens no ports' in run.text()
  first = run.rows()
  assert first[-1]['frames'] >= 4000
  assert not run.orphans(least=1)
  content = json.loads((logdir / 'config.json').read_text())
  assert content['config']['runtime']['kind'] == 'threads'
  assert run.status('learner-0').state == 'done'
  for index in range(2):
    assert run.status(f'actor_supervisor-{index}').state == 'stopped'
    # It may be in the middle of a step when the process ends.
    assert run.status(f'actor-{index}').state in ('stopped', 'running')
  assert {run.status(n).pid for n in ('actor-0', 'actor-1')} == {
    run.status('learner-0').pid
  }

  # 2. The same command goes on where it was, with seeds never used.
  run = _run(logdir, _THREADS)
  run.wait_until(lambda: len(run.rows()) >= len(first) + 3)
  assert run.rows()[: len(first)] == first
  assert run.rows()[len(first)]['frames'] > first[-1]['frames']
  child = psutil.Process(run.status('learner-0').pid)
  assert not child.children()
  assert not _listening(child)
  assert not running.loaded(
    child, 'tensorflow', 'reverb', 'launchpad', 'courier'
  )
  assert running.loaded(child, 'jaxlib'), 'this way nothing would be found'
  _stop(run)
  seeds = (logdir / 'seeds.csv').read_text().splitlines()[1:]
  assert len(seeds) == 4
  assert len({line.split(',', 4)[4] for line in seeds}) == 4

  # 3. kill -9 of the process: named, and the last checkpoint stands.
  run = _run(logdir, _THREADS)
  before = len(run.rows())
  run.wait_until(lambda: len(run.rows()) >= before + 2)
  victim = run.status('learner-0').pid
  os.kill(victim, signal.SIGKILL)
  assert run.end(timeout=20) == 1, run.text()
  assert run.last_line() == (
    f'failed: the process (pid {victim}) was killed or crashed '
    '(logs/threads.log); the last checkpoint stands'
  )
  manager = checkpoints.Checkpointer(logdir / 'checkpoints')
  assert manager.newest() >= first[-1]['learner_steps']
  manager.close()


@pytest.mark.parametrize('how', ['gone', 'closed'])
def test_a_run_trains_whose_output_nobody_reads(tmp_path, how):
  ours, theirs = os.pipe()
  os.close(ours)
  done = subprocess.run(
    [
      'sh', '-c', 'exec "$@" >&-' if how == 'closed' else 'exec "$@"', 'sh',
      sys.executable, str(running.ROOT / 'launch' / 'run_local.py'),
      *running.TINY_CATCH, _THREADS, '--max_frames=500',
      f'--logdir={tmp_path}/run',
    ],
    stdout=theirs, stderr=subprocess.PIPE, timeout=100, check=False,
  )  # fmt: skip
  os.close(theirs)
  assert (done.returncode, done.stderr) == (0, b'')
  rows = metrics_table.read(tmp_path / 'run' / 'metrics.csv')
  assert rows[-1]['frames'] >= 500


@pytest.mark.slow
def test_a_dead_parent_leaves_nothing_running_and_a_checkpoint(tmp_path):
  run = _run(tmp_path / 'run', _THREADS)
  run.wait_until_learning()
  run.process.kill()
  run.process.wait()
  assert not run.orphans(patience=20, least=1)
  assert any(
    p.name.isdigit() for p in (tmp_path / 'run' / 'checkpoints').iterdir()
  )


@pytest.mark.slow
@pytest.mark.parametrize(
  'runtime',
  ['threads', pytest.param('launchpad', marks=running.NEEDS_LAUNCHPAD)],
)
def test_a_run_that_was_suspended_goes_on(tmp_path, runtime):
  # Its learner waits for most of the time, and so when it is suspended.
  run = _run(
    tmp_path / 'run', f'--runtime={runtime}', '--set=runtime.stall_seconds=5',
    '--set=learning.max_policy_lag=0', '--set=learning.unroll_length=50',
  )  # fmt: skip
  run.wait_until_learning()
  parent = psutil.Process(run.process.pid)
  for _ in range(2):
    family = [parent, *parent.children(recursive=True)]
    for process in family:
      process.suspend()
    time.sleep(12)
    for process in family:
      process.resume()
    run.wait_until_learning(4)
  _stop(run)


@pytest.mark.slow
@running.NEEDS_LAUNCHPAD
@pytest.mark.parametrize('first', ['launchpad', 'threads'])
def test_a_run_continues_under_the_other_runtime(tmp_path, first):
  second = {'launchpad': 'threads', 'threads': 'launchpad'}[first]
  run = _run(tmp_path / 'run', f'--runtime={first}')
  run.wait_until_learning()
  _stop(run)
  before = run.rows()
  run = _run(tmp_path / 'run', f'--runtime={second}')
  run.wait_until(lambda: len(run.rows()) >= len(before) + 2)
  rows = run.rows()
  assert rows[: len(before)] == before
  # Nothing is learned twice, and nothing is lost.
  steps = [row['learner_steps'] for row in rows]
  assert steps == sorted(set(steps))
  assert rows[len(before)]['frames'] > before[-1]['frames']
  _stop(run, signal.SIGTERM)


# Looking whether a package is there is allowed, loading it is not.
_WATCH_IMPORTS = """
import atexit, os, runpy, sys
def look():
  loaded = {name.split('.')[0] for name in sys.modules}
  heavy = loaded & {'launchpad', 'courier', 'reverb', 'tensorflow', 'jax'}
  if heavy:
    print(f'{heavy} imported', file=sys.stderr, flush=True)
    os._exit(99)
atexit.register(look)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.mark.slow
def test_run_local_imports_nothing_of_launchpads_for_threads(tmp_path):
  done = subprocess.run(
    [
      sys.executable, '-c', _WATCH_IMPORTS,
      str(running.ROOT / 'launch' / 'run_local.py'),
      *running.TINY_CATCH, _THREADS, '--max_frames=100',
      f'--logdir={tmp_path}/run',
    ],
    capture_output=True, text=True, timeout=100, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done
