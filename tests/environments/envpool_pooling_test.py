"""Why `max_pool=False` and `action_repeat=1` are refused, shown on EnvPool.

If one of these fails, EnvPool has changed and the refusal in atari.py may go.
"""

import importlib.metadata

import numpy as np
import pytest

from attn_agents.environments import atari
from tests.environments import ale_player

GAME = 'breakout'
# Of the core stack: Python 3.11 and newer.
_NEW = not importlib.metadata.version('envpool').startswith('0.8.')


def make_pool(frame_skip: int) -> atari.envpool:
  return atari.envpool.make(
    atari.envpool_id(GAME),
    env_type='gymnasium',
    num_envs=1,
    seed=1,
    img_height=210,
    img_width=160,
    gray_scale=False,
    stack_num=1,
    frame_skip=frame_skip,
    noop_max=1,
    use_fire_reset=False,
  )


def play_both(frame_skip: int) -> list[tuple[np.ndarray, list[np.ndarray]]]:
  """EnvPool's screen and ale-py's frames of each of 80 steps."""
  pool = make_pool(frame_skip)
  ale = ale_player.AlePlayer(GAME)
  start = ale.start()
  observation = pool.reset()[0][0].transpose(1, 2, 0)
  np.testing.assert_array_equal(observation, start)
  steps = [(observation, [start])]
  for action in np.random.default_rng(0).integers(4, size=80):
    observation = pool.step(np.array([action], np.int32))[0][0]
    ale.play(action, frame_skip)
    steps.append((observation.transpose(1, 2, 0), ale.frames))
  return steps


def test_one_frame_per_step_is_not_pooled_with_the_one_before_it():
  steps = play_both(frame_skip=1)
  shown = before = steps[0][0]
  unlike_pooled = 0
  for observation, (frame,) in steps[1:]:
    # 0.8.4 shows the maximum of all frames since the game began.
    shown = frame if _NEW else np.maximum(shown, frame)
    np.testing.assert_array_equal(observation, shown)
    unlike_pooled += (shown != np.maximum(before, frame)).any()
    before = frame
  assert unlike_pooled > 0


@pytest.mark.parametrize('frame_skip', [2, 3, 4])
def test_more_frames_per_step_are_pooled_whatever_is_asked_for(frame_skip):
  unlike_last = 0
  for observation, frames in play_both(frame_skip)[1:]:
    pooled = np.maximum(frames[-2], frames[-1])
    np.testing.assert_array_equal(observation, pooled)
    unlike_last += (observation != frames[-1]).any()
  assert unlike_last > 0


def test_no_option_of_envpool_names_pooling():
  options = set(make_pool(4).spec.config._fields)
  assert options == {
    'num_envs', 'batch_size', 'num_threads', 'max_num_players',
    'thread_affinity_offset', 'base_path', 'seed', 'gym_reset_return_info',
    'max_episode_steps', 'stack_num', 'frame_skip', 'noop_max',
    'zero_discount_on_life_loss', 'episodic_life', 'reward_clip',
    'use_fire_reset', 'img_height', 'img_width', 'task', 'full_action_space',
    'repeat_action_probability', 'use_inter_area_resize', 'gray_scale',
  } | ({'env_seed', 'mode', 'difficulty'} if _NEW else set())  # fmt: skip


def test_the_bare_screen_of_a_reset_costs_a_noop_frame():
  # The one screen EnvPool shows unpooled is that of a reset, which first plays
  # a no-op: it cannot stand in for the last frame of another action.
  pool = make_pool(4)
  ale = ale_player.AlePlayer(GAME)
  ale.start()
  np.testing.assert_array_equal(
    pool.reset()[0][0].transpose(1, 2, 0), ale.ale.getScreenRGB()
  )
  assert ale.ale.getEpisodeFrameNumber() == 1
