"""A2C and PPO as programs: actors that wait, die and come back."""

import signal

import psutil
import pytest

from tests.launch import running

_TINY = [
  '--agent=impala_lstm',
  '--game=breakout',
  '--preset=small',
  '--num_actors=2',
  '--set=environment.height=42',
  '--set=environment.width=42',
  '--set=network.channels=4,8',
  '--set=network.hidden_size=32',
  '--set=network.lstm_size=32',
  '--set=learning.unroll_length=10',
  '--set=learning.batch_size=8',
  '--set=runtime.log_every_seconds=0.5',
]


def _kill_actor(run):
  victim = run.status('actor-0').pid
  psutil.Process(victim).kill()
  return victim


@pytest.mark.slow
@pytest.mark.parametrize('algorithm', ['a2c', 'ppo'])
def test_a_killed_actor_comes_back_and_no_unroll_is_ever_old(
  algorithm, tmp_path
):
  run = running.LocalRun(tmp_path / 'run', *_TINY, f'--algorithm={algorithm}')
  try:
    run.wait_until_learning()
    before = len(run.rows())
    victim = _kill_actor(run)
    run.wait_until(lambda: run.status('actor-0').pid != victim)
    run.wait_until(lambda: len(run.rows()) > before + 3)
    run.process.send_signal(signal.SIGINT)
    assert run.end(timeout=20) == 0, run.text()
    assert not run.orphans()
    assert {row['policy_lag_max'] for row in run.rows()} == {0.0}
    steps = [row['learner_steps'] for row in run.rows()]
    assert steps == sorted(set(steps))
  finally:
    if run.process.poll() is None:
      run.kill_everything()


@pytest.mark.slow
def test_an_actor_that_is_gone_for_good_ends_the_run_saved_and_named(tmp_path):
  run = running.LocalRun(
    tmp_path / 'run',
    *_TINY,
    '--algorithm=a2c',
    '--set=runtime.max_actor_restarts=0',
  )
  try:
    run.wait_until_learning()
    _kill_actor(run)
    assert run.end(timeout=30) == 1, run.text()
    assert 'actor-0' in run.last_line()
    assert 'a2c needs every actor' in run.last_line()
    assert 'checkpoint saved at' in run.last_line()
    assert not run.orphans()
  finally:
    if run.process.poll() is None:
      run.kill_everything()
