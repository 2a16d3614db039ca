import os
import pathlib
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.runs import checkpoints


def _snapshot(step, value=0.0):
  return checkpoints.Snapshot(
    state={
      'w': np.full((3, 4), value, np.float32),
      'steps': np.int32(step),
      'empty': (),
      'bf': np.full(2, value, jnp.bfloat16),
    },
    counters=checkpoints.Counters(
      agent_steps=10 * step, frames=40 * step, learner_steps=step, games=1,
      wall_time=1.5,
    ),
    recent_returns=(1.0, 2.5),
    recent_lengths=(3.0, 4.0),
  )  # fmt: skip


def test_everything_comes_back(tmp_path):
  saved = _snapshot(7, 0.25)
  first = checkpoints.Checkpointer(tmp_path)
  assert first.newest() is None
  assert first.save(saved)
  assert not first.save(saved), 'the same step was written twice'
  first.close()
  second = checkpoints.Checkpointer(tmp_path)
  assert second.newest() == 7
  got = second.restore(_snapshot(0).state)
  assert got.counters == saved.counters
  assert got.recent_returns == (1.0, 2.5)
  assert got.recent_lengths == (3.0, 4.0)
  for name in ('w', 'steps', 'bf'):
    np.testing.assert_array_equal(got.state[name], saved.state[name])
    assert got.state[name].dtype == saved.state[name].dtype
  assert got.state['empty'] == ()


def test_only_the_newest_are_kept_and_any_kept_one_can_be_asked_for(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path, keep=2)
  for step in (1, 2, 3):
    manager.save(_snapshot(step, step))
  assert manager.newest() == 3
  template = _snapshot(0).state
  assert manager.restore(template, step=2).state['w'][0, 0] == 2
  assert sorted(p.name for p in tmp_path.iterdir()) == ['2', '3']


def test_nothing_to_restore_is_said(tmp_path):
  with pytest.raises(FileNotFoundError, match='no checkpoint'):
    checkpoints.Checkpointer(tmp_path).restore(_snapshot(0).state)


def test_arrays_of_another_shape_are_refused(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path)
  manager.save(_snapshot(1))
  template = {**_snapshot(0).state, 'w': np.zeros((3, 5), np.float32)}
  with pytest.raises(ValueError, match='shape'):
    manager.restore(template)


_SAVER = """
import numpy as np
from attn_agents.runs import checkpoints
manager = checkpoints.Checkpointer(PATH, keep=2)
step = 0
while True:
  step += 1
  state = {'w': np.full((400, 1000), step, np.float32)}
  totals = checkpoints.Counters(learner_steps=step)
  manager.save(checkpoints.Snapshot(state, totals))
  print(step, flush=True)
"""


def test_kill_in_the_middle_never_leaves_half_a_checkpoint(tmp_path):
  template = {'w': np.zeros((400, 1000), np.float32)}
  for attempt in range(3):
    path = tmp_path / str(attempt)
    child = subprocess.Popen(
      [sys.executable, '-c', _SAVER.replace('PATH', repr(str(path)))],
      stdout=subprocess.PIPE,
      text=True,
      cwd=pathlib.Path(checkpoints.__file__).parents[2],
      env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    )
    done = int(child.stdout.readline())
    time.sleep(0.11 * (attempt + 1))
    child.send_signal(signal.SIGKILL)
    done = max([done, *map(int, child.stdout.read().split())])
    child.wait()
    manager = checkpoints.Checkpointer(path)
    got = manager.restore(template)
    assert manager.newest() >= done
    np.testing.assert_array_equal(got.state['w'], manager.newest())
