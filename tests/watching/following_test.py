import shutil
import threading
import time

import jax
import numpy as np
import pytest

from attn_agents.runs import parameters
from attn_agents.watching import following
from tests.watching import runs


@pytest.fixture
def run(tmp_path):
  return runs.Run(tmp_path / 'run', agent='impala_ff')


def _follower(run, told):
  return following.Follower(run.directory, run.config, run.config, told.append)


def _assert_plays(follower, params, step):
  agent = follower.newest
  assert (agent.facts['checkpoint'], agent.facts['training_frames']) == (
    step, 40 * step,
  )  # fmt: skip
  jax.tree.map(np.testing.assert_array_equal, agent.params, params)


def test_the_newest_checkpoint_is_picked_up(run):
  told = []
  follower = _follower(run, told)
  follower.look()
  assert follower.newest is None and not told
  params = run.save(7)
  follower.look()
  _assert_plays(follower, params, 7)
  first = follower.newest
  follower.look()
  assert follower.newest is first
  run.save(8, 2.0)
  params = run.save(12, 3.0)
  follower.look()
  _assert_plays(follower, params, 12)
  # What is compiled stays.
  assert follower.newest.inspect is first.inspect
  assert [t['newest'] for t in told if 'newest' in t] == [7, 12]


def test_one_that_cannot_be_read_is_told_and_the_former_goes_on(run):
  told = []
  follower = _follower(run, told)
  params = run.save(7)
  follower.look()
  run.save(9, 2.0)
  shutil.rmtree(run.directory.checkpoints / '9' / 'state')
  follower.look()
  _assert_plays(follower, params, 7)
  assert told[-1]['problem'].startswith('checkpoint 9 cannot be read: ')
  said = len(told)
  follower.look()
  assert len(told) == said, 'said again'
  params = run.save(11, 3.0)
  follower.look()
  _assert_plays(follower, params, 11)
  assert told[-1] == {'problem': ''}


def test_one_that_training_removes_meanwhile_is_no_problem(run, monkeypatch):
  told = []
  follower = _follower(run, told)
  run.save(7)

  def restore(config, directory, step):
    shutil.rmtree(directory / str(step))
    raise FileNotFoundError

  with monkeypatch.context() as patch:
    patch.setattr(parameters, 'restore', restore)
    follower.look()
  assert told == [{'newest': 7}] and follower.newest is None
  params = run.save(8)
  follower.look()
  _assert_plays(follower, params, 8)


def test_it_looks_once_before_it_waits(run):
  stop, follower = threading.Event(), _follower(run, [])
  run.save(7)
  stop.set()
  follower.follow(threading.Event(), stop)
  assert follower.newest.facts['checkpoint'] == 7


def test_it_follows_only_while_somebody_wants_it(run):
  wanted, stop, told = threading.Event(), threading.Event(), []
  follower = _follower(run, told)
  run.save(7)
  thread = threading.Thread(
    target=follower.follow, args=(wanted, stop, 0.05), daemon=True
  )
  thread.start()

  def has_read(step):
    newest = follower.newest
    return newest is not None and newest.facts['checkpoint'] == step

  def becomes(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
      time.sleep(0.02)
    return condition()

  assert becomes(lambda: has_read(7), 30)
  run.save(8)
  # Which it would tell before it reads it.
  assert not becomes(lambda: {'newest': 8} in told, 1)
  wanted.set()
  assert becomes(lambda: has_read(8), 30)
  stop.set()
  thread.join(5)
  assert not thread.is_alive()
