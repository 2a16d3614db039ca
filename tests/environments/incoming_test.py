"""Made-up arrays as a library that does not fit would hand them over."""

import dataclasses

import numpy as np
import pytest
from numpy.lib import stride_tricks

from attn_agents.environments import (
  atari,
  atari_suite,
  incoming,
  registry,
)
from configs import errors, games, resolution, schema
from tests.environments import atari_rollout


def strided(shape, strides):
  base = np.zeros(1 << 16, np.uint8)
  return stride_tricks.as_strided(base, shape, strides)


@pytest.mark.parametrize(
  ('shape', 'strides'),
  [
    # As EnvPool 0.8.4 beside NumPy 2.
    ((3, 2, 84, 84), (0, 0, 0, 0)),
    ((3,), (0,)),
    # One screen for all rows.
    ((3, 2, 84, 84), (0, 7056, 84, 1)),
    # Rows of a screen that slide over each other.
    ((3, 2, 84, 84), (14112, 7056, 83, 1)),
    ((2, 3), (1, 1)),
  ],
)
def test_elements_have_places_of_their_own(shape, strides):
  with pytest.raises(errors.ConfigError, match=r'obs, uint8.* has strides of '):
    incoming.check('obs', strided(shape, strides), np.uint8, shape)


@pytest.mark.parametrize(
  ('shape', 'strides'),
  [
    ((3, 2, 84, 84), (14112, 7056, 84, 1)),
    # An axis of length 1 or 0 may have any stride.
    ((1, 2, 5, 7), (0, 35, 7, 1)),
    ((0, 3), (0, 0)),
    # Channels last, every second column, upside down.
    ((3, 84, 84, 2), (14112, 84, 1, 7056)),
    ((4, 10), (40, 2)),
    ((10,), (-1,)),
  ],
)
def test_any_other_layout_will_do(shape, strides):
  base = np.zeros(1 << 16, np.uint8)
  view = stride_tricks.as_strided(base[100:], shape, strides)
  incoming.check('obs', view, np.uint8, shape)


@pytest.mark.parametrize(
  ('array', 'words'),
  [
    (np.zeros(4, np.float32), r'is float32\[4\], expected float32\[3\]'),
    (np.zeros(3), r'is float64\[3\], expected float32\[3\]'),
    ([0.0, 0.0, 0.0], r'is list, expected float32\[3\]'),
    (np.array([0, np.nan, 1], np.float32), 'has nan, expected finite'),
    (np.array([0, np.inf, 1], np.float32), 'has inf, expected finite'),
    (np.array([0, 1, 9], np.float32), 'has 9.0, .* from 0 to 5'),
    (np.array([0, -1, 2], np.float32), 'has -1.0, .* from 0 to 5'),
  ],
)
def test_shape_dtype_and_range(array, words):
  with pytest.raises(errors.ConfigError, match=words):
    incoming.check('reward', array, np.float32, (3,), 0, 5)


class Damaged:
  """EnvPool with one array of its first answers replaced."""

  def __init__(self, pool, when, name, damage):
    self._pool, self._when = pool, when
    self._name, self._damage = name, damage
    self.observation_space = pool.observation_space
    self.action_space = pool.action_space
    self.send = pool.send

  def _change(self, when, names, arrays):
    *arrays, info = arrays
    if when == self._when:
      found = dict(info) | dict(zip(names, arrays, strict=True))
      damaged = self._damage(found[self._name])
      if self._name in names:
        arrays[names.index(self._name)] = damaged
      else:
        info = {**info, self._name: damaged}
    return (*arrays, info)

  def reset(self):
    return self._change('reset', ['obs'], self._pool.reset())

  def recv(self):
    # `terminated` of the API is not looked at, that of `info` is.
    names = ['obs', 'reward', '', 'truncated']
    return self._change('step', names, self._pool.recv())


def repeated(array):
  """All elements in the first one's place."""
  return stride_tricks.as_strided(array, array.shape, (0,) * array.ndim)


@pytest.mark.parametrize(
  ('when', 'name', 'damage'),
  [
    *(('reset', name, repeated) for name in ('obs', 'env_id', 'lives')),
    *(('step', name, repeated) for name in ('obs', 'reward', 'truncated')),
    ('reset', 'obs', lambda x: x[:1]),
    ('reset', 'obs', lambda x: x.astype(np.float32)),
    ('reset', 'lives', lambda x: x - 9),
    ('step', 'terminated', lambda x: x + 2),
    ('step', 'reward', lambda x: x / np.float32(0)),
    ('step', 'env_id', lambda x: x[::-1].copy()),
  ],
)
@pytest.mark.filterwarnings('ignore:invalid value:RuntimeWarning')
def test_arrays_of_envpool_are_looked_at(monkeypatch, when, name, damage):
  make = atari._make_pool
  monkeypatch.setattr(
    atari, '_make_pool', lambda *args: Damaged(make(*args), when, name, damage)
  )
  env = atari_rollout.make(atari_rollout.SMALL, 2)

  def begin():
    env.reset()
    if when == 'step':
      env.step(np.zeros(2, np.int32))

  with pytest.raises(errors.ConfigError, match=f'^{name} of EnvPool') as found:
    begin()
  assert '\n' not in str(found.value)


@pytest.mark.slow
@pytest.mark.parametrize('game', games.ATARI_GAMES)
def test_every_game_passes(game):
  config = dataclasses.replace(atari_rollout.SMALL, game=game)
  atari_rollout.rollout(atari_rollout.make(config, 2), 3)


@pytest.mark.parametrize(
  ('envpool', 'numpy', 'fits'),
  [
    ('0.8.4', '1.26.4', True),
    ('0.8.4', '2.2.6', False),
    ('0.8.4', '2.0.0rc1', False),
    ('0.8.5', '2.0.0', True),
    ('0.6.1.post1', '10.0', False),
    ('1.2.5', '2.4.6', True),
    ('1.2.7', '1.26.4', True),
  ],
)
def test_a_pair_that_does_not_fit_is_refused(monkeypatch, envpool, numpy, fits):
  versions = {'envpool': envpool, 'numpy': numpy}
  monkeypatch.setattr(atari_suite, '_version', versions.__getitem__)
  pong = schema.EnvironmentConfig(game='pong')
  if fits:
    expected = f'EnvPool {envpool}, NumPy {numpy}'
    assert atari_suite.check_versions() == expected
    return
  words = f'EnvPool {envpool} cannot work beside NumPy {numpy}, .* below 2'
  with pytest.raises(errors.ConfigError, match=words):
    registry.suite_of('pong').validate(pong)
  with pytest.raises(errors.ConfigError, match=words):
    resolution.resolve(resolution.Request(game='pong'), 'cpu', 1, cores=2)
  with pytest.raises(errors.ConfigError, match=words):
    registry.make_environment(pong, 1, seed=1, num_threads=1)
  catch = dataclasses.replace(pong, game='catch')
  registry.make_environment(catch, 1, seed=1, num_threads=1).close()


def test_without_envpool_there_is_nothing_to_fit(monkeypatch):
  def missing(name):
    raise atari_suite.importlib.metadata.PackageNotFoundError(name)

  monkeypatch.setattr(atari_suite, '_version', missing)
  assert atari_suite.check_versions() == ''
