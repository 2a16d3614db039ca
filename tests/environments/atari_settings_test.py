"""Every field of the environment's config does what it says."""

import dataclasses

import numpy as np
import pytest

from attn_agents.environments import atari
from configs import errors, schema
from tests.environments import ale_player, atari_rollout, resizing


def test_noops_are_one_to_noop_max():
  starts = []
  ale = ale_player.AlePlayer('ms_pacman')
  ale.start(0)
  for _ in range(3):
    ale.ale.act(ale_player.NOOP)
    starts.append(ale.ale.getScreenRGB().tobytes())
  assert len(set(starts)) == 3
  env = atari_rollout.make(schema.EnvironmentConfig(noop_max=3), 12)
  seen = [screen.tobytes() for screen in env.reset().timestep.observation]
  assert set(seen) == set(starts)


def test_sticky_actions_follow_chance_not_the_given_action():
  choices = np.random.default_rng(3).integers(3, size=60, dtype=np.int32)
  for sticky, equal in ((0.0, True), (0.5, False)):
    config = dataclasses.replace(
      atari_rollout.SMALL, game='breakout', sticky_action_probability=sticky
    )
    env = atari_rollout.make(config, 2)
    env.reset()
    # Two rows that start alike and do the same differ only by chance.
    rows = [
      env.step(np.full(2, choice, np.int32)).timestep.observation
      for choice in choices
    ]
    assert all((row[0] == row[1]).all() for row in rows) == equal


def test_sizes_of_action_sets():
  for game, minimal in (('ms_pacman', 9), ('pong', 6), ('boxing', 18)):
    for full in (False, True):
      env = atari_rollout.make(
        dataclasses.replace(
          atari_rollout.SMALL, game=game, full_action_space=full
        )
      )
      assert env.spec.num_actions == (18 if full else minimal)


def test_full_actions_have_the_order_of_ale():
  config = dataclasses.replace(
    atari_rollout.ONE_NOOP, game='pong', full_action_space=True
  )
  env = atari_rollout.make(config)
  env.reset()
  ale = ale_player.AlePlayer('pong', full_action_space=True)
  ale.start()
  for action in atari_rollout.actions(env, 60):
    row = env.step(action).timestep
    ale.play(action[0])
    np.testing.assert_array_equal(row.observation[0], ale.pooled())


def test_stack_runs_from_oldest_to_newest():
  config = dataclasses.replace(
    atari_rollout.ONE_NOOP, height=42, width=40, frame_stack=3
  )
  timestep, _ = atari_rollout.rollout(atari_rollout.make(config), 40)
  assert timestep.observation.shape == (41, 1, 42, 40, 9)
  frames = timestep.observation.reshape(41, 42, 40, 3, 3)
  for back in (0, 1):
    np.testing.assert_array_equal(frames[0, :, :, back], frames[0, :, :, 2])
  np.testing.assert_array_equal(frames[2:, :, :, 0], frames[:-2, :, :, 2])
  np.testing.assert_array_equal(frames[1:, :, :, 1], frames[:-1, :, :, 2])
  assert (frames[-1, :, :, 1] != frames[-1, :, :, 2]).any()


def test_grayscale_is_the_luminance_of_ale():
  config = dataclasses.replace(atari_rollout.ONE_NOOP, grayscale=True)
  observation = atari_rollout.make(config).reset().timestep.observation
  ale = ale_player.AlePlayer('ms_pacman')
  ale.start()
  np.testing.assert_array_equal(
    observation[0, ..., 0], ale.ale.getScreenGrayscale()
  )


def test_smaller_observations_are_area_averages():
  config = dataclasses.replace(atari_rollout.ONE_NOOP, height=84, width=72)
  observation = atari_rollout.make(config).reset().timestep.observation[0]
  screen = ale_player.AlePlayer('ms_pacman').start()
  rows = resizing.area_weights(210, 84)
  columns = resizing.area_weights(160, 72)
  expected = np.einsum('hH,wW,HWc->hwc', rows, columns, screen, optimize=True)
  np.testing.assert_allclose(observation, expected, atol=1)


def test_action_repeat():
  env = atari_rollout.make(
    dataclasses.replace(atari_rollout.ONE_NOOP, action_repeat=2)
  )
  env.reset()
  ale = ale_player.AlePlayer('ms_pacman')
  ale.start()
  for action in atari_rollout.actions(env, 100):
    row = env.step(action).timestep
    assert row.reward[0] == ale.play(action[0], repeat=2)
    np.testing.assert_array_equal(row.observation[0], ale.pooled())


def test_seeds_decide_the_starts():
  config = dataclasses.replace(atari_rollout.SMALL, noop_max=30)
  screens = [
    atari_rollout.make(config, 8, seed=seed).reset().timestep.observation
    for seed in (1, 1, 1000)
  ]
  np.testing.assert_array_equal(screens[0], screens[1])
  assert (screens[0] != screens[2]).any()
  # Environment i is seeded with seed + i.
  shifted = atari_rollout.make(config, 8, seed=2).reset().timestep.observation
  np.testing.assert_array_equal(screens[0][1:], shifted[:-1])


def test_unsupported_settings_are_refused():
  for change in ({'max_pool': False}, {'action_repeat': 1}):
    with pytest.raises(errors.ConfigError, match=next(iter(change))):
      atari_rollout.make(dataclasses.replace(atari_rollout.ONE_NOOP, **change))


def test_other_shape_than_configured_is_refused(monkeypatch):
  real = atari.envpool.make

  def cropped(name: str, **kwargs: object) -> object:
    return real(name, **{**kwargs, 'img_height': 200})

  monkeypatch.setattr(atari.envpool, 'make', cropped)
  with pytest.raises(
    ValueError, match=r'ms_pacman.*\(200, 160, 3\).*\(210, 160, 3\)'
  ):
    atari_rollout.make(atari_rollout.ONE_NOOP)
