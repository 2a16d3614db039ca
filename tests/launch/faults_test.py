"""kill -9, one process at a time: how the run ends, what it keeps."""

import contextlib
import os
import signal
import time

import psutil
import pytest

from tests.launch import running


def _start(logdir, *args: str) -> running.LocalRun:
  return running.LocalRun(
    logdir, *running.TINY, '--set=runtime.checkpoint_every_seconds=3', *args
  )


@pytest.fixture(name='algorithm')
def _algorithm() -> str:
  return 'vtrace'


@pytest.fixture(name='run')
def _run(tmp_path, algorithm):
  run = _start(tmp_path / 'run', f'--algorithm={algorithm}')
  run.wait_until_learning()
  run.wait_until(lambda: run.newest() is not None)
  yield run
  if run.process.poll() is None:
    run.kill_everything()


def _check_next_start(run, learner_steps: int, *args: str) -> None:
  """The same command goes on from a checkpoint at least that new."""
  again = running.LocalRun(run.logdir, *running.TINY, *args)
  try:
    kept = [r for r in again.rows() if r['learner_steps'] <= learner_steps]
    again.wait_until(
      lambda: (
        len(again.rows()) >= len(kept) + 2
        and again.rows()[-1]['learner_steps'] > learner_steps
      )
    )
    steps = [r['learner_steps'] for r in again.rows()]
    assert steps == sorted(set(steps)), 'a step stands there twice'
    assert again.rows()[: len(kept)] == kept
    assert steps[len(kept)] > learner_steps
    again.process.send_signal(signal.SIGINT)
    assert again.end(timeout=20) == 0, again.text()
    assert not again.orphans()
  finally:
    if again.process.poll() is None:
      again.kill_everything()


@pytest.mark.slow
@pytest.mark.parametrize(
  ('role', 'algorithm'), [('learner', 'a2c'), ('reverb', 'vtrace')]
)
def test_a_dead_learner_or_reverb_ends_the_run_with_its_name(
  run, role, algorithm
):
  victim = run.status(f'{role}-0').pid
  os.kill(victim, signal.SIGKILL)
  assert run.end(timeout=20) == 1, run.text()
  assert f'failed: {role}-0: it (pid {victim}) was killed' in run.last_line()
  assert f'logs/{role}-0.log' in run.last_line()
  assert not run.orphans()
  saved = run.newest()
  if role == 'reverb':
    # The learner still lived, and saved all it had.
    assert 'checkpoint saved at' in run.last_line()
    assert saved >= run.rows()[-1]['learner_steps']
  else:
    assert {row['policy_lag_max'] for row in run.rows()} == {0.0}
  _check_next_start(run, saved, f'--algorithm={algorithm}')


@pytest.mark.slow
def test_a_dead_launcher_ends_the_run_saved_and_named(run):
  run.launcher().kill()
  assert run.end(timeout=20) == 1, run.text()
  assert 'launcher was killed by signal 9' in run.last_line()
  assert 'checkpoint saved at' in run.last_line()
  assert not run.orphans()
  assert run.newest() >= run.rows()[-1]['learner_steps']


@pytest.mark.slow
def test_a_dead_parent_leaves_nothing_running_and_a_checkpoint(run):
  before = run.rows()[-1]['learner_steps']
  run.process.kill()
  run.process.wait()
  assert not run.orphans(patience=20)
  assert run.newest() >= before


@pytest.mark.slow
def test_a_dead_actor_supervisor_ends_the_run_named(run):
  psutil.Process(run.status('actor_supervisor-0').pid).kill()
  assert run.end(timeout=20) == 1, run.text()
  assert 'failed: actor-0: its supervisor' in run.last_line()
  assert 'checkpoint saved at' in run.last_line()
  assert not run.orphans()


@pytest.mark.slow
def test_an_actor_that_keeps_dying_is_given_up_and_the_rest_goes_on(tmp_path):
  run = running.LocalRun(
    tmp_path / 'run', *running.TINY, '--set=runtime.max_actor_restarts=1',
    '--set=learning.max_policy_lag=none',
  )  # fmt: skip
  try:
    run.wait_until_learning()
    for _ in range(2):
      run.wait_until(
        lambda: (
          run.status('actor-0').state in ('starting', 'running')
          and psutil.pid_exists(run.status('actor-0').pid)
        )
      )
      os.kill(run.status('actor-0').pid, signal.SIGKILL)
      time.sleep(2.5)
    run.wait_until(lambda: run.status('actor_supervisor-0').state == 'failed')
    run.wait_until_learning()
    os.kill(run.status('actor-1').pid, signal.SIGKILL)
    time.sleep(2.5)
    os.kill(run.status('actor-1').pid, signal.SIGKILL)
    assert run.end(timeout=30) == 1, run.text()
    assert 'restarts used up' in run.last_line()
    assert 'checkpoint saved at' in run.last_line()
    assert not run.orphans()
  finally:
    if run.process.poll() is None:
      run.kill_everything()


@pytest.mark.slow
def test_kill_of_the_whole_tree_loses_no_more_than_the_interval(run):
  # Three seconds between checkpoints: wait for one that is not the first.
  first = run.newest()
  run.wait_until(lambda: run.newest() > first)
  run.kill_everything()
  assert not run.orphans()
  saved = run.newest()
  lost = [r['wall_time'] for r in run.rows() if r['learner_steps'] > saved]
  # Three seconds between checkpoints, and what a slow machine adds.
  assert not lost or lost[-1] - lost[0] < 3 + 2
  _check_next_start(run, saved, '--algorithm=vtrace')


def test_ctrl_c_during_start_ends_at_once(tmp_path):
  run = running.LocalRun(tmp_path / 'run', *running.TINY)
  run.wait_until(lambda: run.status('learner-0') is not None)
  run.process.send_signal(signal.SIGINT)
  code = run.end(timeout=20)
  assert code in (0, 130), run.text()
  if code == 130:
    assert 'there is no checkpoint yet' in run.last_line()
  assert not run.orphans()


@pytest.mark.slow
def test_sigterm_twice_still_saves(run):
  # As Slurm does at the time limit, to each process of the run.
  run.wait_until_learning()
  family = psutil.Process(run.process.pid).children(recursive=True)
  for _ in range(2):
    for process in (psutil.Process(run.process.pid), *family):
      # Some have ended by the second time.
      with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
    time.sleep(0.05)
  assert run.end(timeout=20) == 75, run.text()
  assert run.last_line().startswith('stopped; checkpoint saved at ')
  assert run.newest() >= run.rows()[-1]['learner_steps']
  assert not run.orphans()
