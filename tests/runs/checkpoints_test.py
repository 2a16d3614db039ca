import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from attn_agents.runs import checkpoints, run_directory, snapshots
from attn_agents.utils import disk, finite, heap
from configs import errors


def _snapshot(step, value=0.0):
  return snapshots.Snapshot(
    state={
      'w': np.full((3, 4), value, np.float32),
      'steps': np.int32(step),
      'empty': (),
      'bf': np.full(2, value, jnp.bfloat16),
    },
    counters=snapshots.Counters(
      agent_steps=10 * step, frames=40 * step, learner_steps=step, games=1,
      wall_time=1.5,
    ),
    recent_returns=(1.0, 2.5),
    recent_lengths=(3.0, 4.0),
    recent_of_games=((1, 0.5), (0, 2.0)),
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
  assert got.recent_of_games == ((1, 0.5), (0, 2.0))
  for name in ('w', 'steps', 'bf'):
    np.testing.assert_array_equal(got.state[name], saved.state[name])
    assert got.state[name].dtype == saved.state[name].dtype
  assert got.state['empty'] == ()


def test_each_save_gives_freed_memory_back(tmp_path, monkeypatch):
  given = []
  monkeypatch.setattr(heap, 'give_back', lambda: given.append(True))
  manager = checkpoints.Checkpointer(tmp_path)
  manager.save(_snapshot(1))
  manager.save(_snapshot(2))
  manager.close()
  assert len(given) == 2


def test_only_the_newest_are_kept_and_any_kept_one_can_be_asked_for(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path, keep=2)
  for step in (1, 2, 3):
    manager.save(_snapshot(step, step))
  assert manager.newest() == 3
  template = _snapshot(0).state
  assert manager.restore(template, step=2).state['w'][0, 0] == 2
  assert sorted(p.name for p in tmp_path.iterdir()) == ['2', '3']


def test_what_orbax_does_not_write_is_not_said_to_be_saved(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path)
  manager.save(_snapshot(5))
  with pytest.raises(
    checkpoints.NotWrittenError, match=rf'checkpoint 3 .* {tmp_path} is 5'
  ):
    manager.save(_snapshot(3))
  assert [p.name for p in tmp_path.iterdir()] == ['5']
  # Orbax says that it has written, and there is nothing.
  manager._manager.save = lambda *args, **kwargs: True
  with pytest.raises(checkpoints.NotWrittenError, match='checkpoint 7'):
    manager.save(_snapshot(7))


@pytest.mark.parametrize('bad', [np.nan, np.inf])
@pytest.mark.parametrize('save', ['save', 'save_alone'])
def test_a_state_that_is_not_finite_is_not_saved(tmp_path, bad, save):
  manager = checkpoints.Checkpointer(tmp_path, keep=None)
  manager.save(_snapshot(1, 3e38))
  for name in ('w', 'bf'):
    worse = _snapshot(2, 1.0)
    worse.state[name].flat[-1] = bad
    with pytest.raises(
      finite.NotFiniteError,
      match=f'checkpoint 2 was not written: {name} is .* the newest is 1',
    ):
      getattr(manager, save)(worse)
  assert manager.newest() == 1


def test_a_checkpoint_takes_the_place_of_earlier_and_later_ones(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path, keep=None)
  for step in (5, 9, 2, 2):
    manager.save_alone(_snapshot(step, step))
    assert [p.name for p in tmp_path.iterdir()] == [str(step)]
    got = manager.restore(_snapshot(0).state, step)
    assert got.state['w'][0, 0] == step
    assert manager.newest() == step


def test_without_room_nothing_is_left_and_it_can_be_tried_again(
  tmp_path, monkeypatch
):
  manager = checkpoints.Checkpointer(tmp_path)
  manager.save(_snapshot(1))
  rename = os.rename

  def refuse(source, target, **kwargs):
    if str(target).endswith('2'):
      raise OSError(errno.ENOSPC, 'No space left on device')
    return rename(source, target, **kwargs)

  with monkeypatch.context() as patch:
    patch.setattr(os, 'rename', refuse)
    with pytest.raises(disk.StorageError) as caught:
      manager.save(_snapshot(2))
  assert f'no room in {tmp_path} (about 65.' in str(caught.value)
  assert [p.name for p in tmp_path.iterdir()] == ['1']
  assert manager.save(_snapshot(2, 0.5))
  assert manager.restore(_snapshot(0).state).state['w'][0, 0] == 0.5


def test_what_kills_have_left_is_removed_at_a_start(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  whole = [run.checkpoints / '3', run.best / '3', run.replay / 'threads-3']
  left = [
    run.checkpoints / '4.orbax-checkpoint-tmp' / 'state.orbax-checkpoint-tmp',
    run.best / '4.orbax-checkpoint-tmp-17',
    run.replay / 'unfinished' / '2026',
  ]
  for path in (*whole, *left):
    path.mkdir(parents=True)
  (run.checkpoints / '9.orbax-checkpoint-tmp-13').touch()
  (tmp_path / 'metrics.partial').touch()
  (tmp_path / 'metrics.csv').touch()
  # One that a killed evaluation has left, and one that is being written.
  for name in ('old', 'new'):
    (run.evaluations / name).mkdir(parents=True)
    (run.evaluations / name / 'summary.json.partial').touch()
  old = run.evaluations / 'old' / 'summary.json.partial'
  os.utime(old, (time.time() - 90,) * 2)
  run.remove_unfinished()
  assert all(path.is_dir() for path in whole)
  assert not old.exists()
  assert sorted(p.name for p in tmp_path.rglob('*')) == [
    '3', '3', 'best', 'checkpoints', 'evaluations', 'metrics.csv', 'new', 'old',
    'replay', 'summary.json.partial', 'threads-3', 'unfinished',
  ]  # fmt: skip


def test_nothing_to_restore_is_said(tmp_path):
  with pytest.raises(FileNotFoundError, match='no checkpoint'):
    checkpoints.Checkpointer(tmp_path).restore(_snapshot(0).state)


def test_arrays_of_another_shape_are_refused(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path)
  manager.save(_snapshot(1))
  template = {**_snapshot(0).state, 'w': np.zeros((3, 5), np.float32)}
  with pytest.raises(ValueError, match='shape'):
    manager.restore(template)


class _TwoLayers(nn.Module):
  """Two layers of equal shapes, applied in this order."""

  names: tuple[str, str]

  @nn.compact
  def __call__(self, x):
    for name in self.names:
      x = nn.Dense(4, name=name)(x)
    return x


class _State(NamedTuple):
  params: object
  opt_state: object


class _OtherState(NamedTuple):
  opt_state: object
  params: object


def _train_state(*names, seed=0):
  """Parameters of such a network, and an optimiser's state that has them."""
  params = _TwoLayers(names).init(jax.random.key(seed), np.ones((1, 4)))
  params = jax.tree.map(lambda x: x + 0.1 * seed, params['params'])
  return _State(params, optax.adam(0.1).init(params))


def _save(path, state):
  manager = checkpoints.Checkpointer(path)
  manager.save(snapshots.Snapshot(state, snapshots.Counters()))
  return manager


def test_a_renamed_layer_is_refused_with_its_names(tmp_path):
  # In a list of arrays the second layer would become the first.
  manager = _save(tmp_path, _train_state('first', 'second'))
  with pytest.raises(ValueError, match='names') as caught:
    manager.restore(_train_state('second', 'third'))
  line = str(caught.value)
  for words in (
    'params/first/bias: not expected',
    'params/first/kernel: not expected',
    'params/third/bias: missing',
    'params/third/kernel: missing',
    'and 6 more',
  ):
    assert words in line
  assert 'params/second' not in line
  assert '\n' not in line


def test_a_layer_that_moved_keeps_its_parameters(tmp_path):
  saved = _train_state('first', 'second', seed=3)
  manager = _save(tmp_path, saved)
  # Applied in another order, and the fields of the state in another order.
  template = _OtherState(**_train_state('second', 'first')._asdict())
  got = manager.restore(template).state
  for name in ('first', 'second'):
    for array in ('kernel', 'bias'):
      np.testing.assert_array_equal(
        got.params[name][array], saved.params[name][array]
      )
  assert not np.array_equal(
    got.params['first']['kernel'], got.params['second']['kernel']
  )
  assert type(got.opt_state[0]) is type(saved.opt_state[0])


def test_another_dtype_is_refused(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path)
  manager.save(_snapshot(1))
  template = {**_snapshot(0).state, 'steps': np.float32(0)}
  with pytest.raises(
    ValueError, match=r'steps: int32 \[\] there, float32 \[\] now'
  ):
    manager.restore(template)


def test_names_and_shapes_can_be_listed_without_reading_arrays(tmp_path):
  manager = _save(tmp_path, _train_state('first', 'second'))
  arrays = manager.arrays(0)
  assert arrays['params/first/kernel'] == ['float32', [4, 4]]
  assert arrays['opt_state/0/mu/second/bias'] == ['float32', [4]]
  assert arrays['opt_state/0/count'] == ['int32', []]


def test_200_characters_of_a_long_cause_are_told(tmp_path):
  manager = checkpoints.Checkpointer(tmp_path)

  def fail(step, args):
    raise ValueError(500 * 'x')

  manager._manager.restore = fail
  told = f'ValueError: {188 * "x"}'
  assert len(told) == 200
  with pytest.raises(errors.ConfigError) as caught:
    manager.counters(3)
  assert f' is damaged ({told}); without this ' in str(caught.value)


def test_a_checkpoint_of_another_version_is_refused_in_one_line(
  tmp_path, monkeypatch
):
  for version, words in (
    (1, f'launch/convert.py --run={tmp_path}'),
    (99, f'format 99, this version reads {run_directory.FORMAT}'),
  ):
    path = tmp_path / 'checkpoints'
    with monkeypatch.context() as patch:
      patch.setattr(run_directory, 'FORMAT', version)
      manager = checkpoints.Checkpointer(path)
      manager.save(_snapshot(version))
    with pytest.raises(errors.ConfigError) as caught:
      manager.restore(_snapshot(0).state)
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)


_SAVER = """
import numpy as np
from attn_agents.runs import checkpoints, snapshots
manager = checkpoints.Checkpointer(PATH, keep=2)
step = 0
while True:
  step += 1
  state = {'w': np.full((400, 1000), step, np.float32)}
  totals = snapshots.Counters(learner_steps=step)
  manager.save(snapshots.Snapshot(state, totals))
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


@pytest.mark.parametrize('how', ['halved', 'emptied', 'removed'])
def test_a_damaged_file_is_no_other_checkpoint(tmp_path, how):
  saved = _snapshot(7, 0.25)
  manager = checkpoints.Checkpointer(tmp_path / 'whole')
  manager.save(saved)
  manager.close()
  whole = tmp_path / 'whole' / '7'
  refused = set()
  for number, victim in enumerate(sorted(whole.rglob('*'))):
    if not victim.is_file():
      continue
    name = victim.relative_to(whole)
    copy = tmp_path / str(number) / '7'
    shutil.copytree(whole, copy)
    if how == 'removed':
      (copy / name).unlink()
    else:
      size = victim.stat().st_size // 2 if how == 'halved' else 0
      os.truncate(copy / name, size)
    manager = checkpoints.Checkpointer(copy.parent)
    try:
      got = manager.restore(_snapshot(0).state)
    except errors.ConfigError as error:
      assert f'checkpoint {copy} is damaged' in str(error)
      assert len(str(error).splitlines()) == 1
      refused.add(name.as_posix())
    else:
      # Orbax keeps notes of its own that it can do without.
      np.testing.assert_array_equal(got.state['w'], saved.state['w'])
      assert got.counters == saved.counters
    finally:
      manager.close()
  assert {'meta/metadata', 'state/manifest.ocdbt'} <= refused
