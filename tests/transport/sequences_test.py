"""Frames kept once, stacked again as the emulator's library stacks them."""

import dataclasses

import numpy as np
import pytest

from attn_agents import types
from attn_agents.transport import sequences
from tests.environments import atari_rollout


def rows_that_fill(played):
  unroll = types.Unroll(
    played, np.zeros((len(played.reward) - 1, 2), np.int32), None, None
  )
  return sequences.cut(unroll, 4, is_start=True).fills


@pytest.mark.parametrize('rgb', [False, True])
def test_stacks_are_those_of_envpool_over_lost_lives(rgb):
  """Breakout loses a life every few dozen steps of chance."""
  config = dataclasses.replace(
    atari_rollout.SMALL, game='breakout', height=42, width=40, frame_stack=4,
    grayscale=not rgb,
  )  # fmt: skip
  env = atari_rollout.make(config, num_envs=2)
  played = atari_rollout.rollout(env, 300).timestep
  env.close()
  firsts = np.argwhere(played.step_type == types.StepType.FIRST)
  assert len(firsts) > 8, 'no life was lost'
  assert 2 < rows_that_fill(played).sum() < len(firsts), 'or no game'
  unroll = types.Unroll(played, np.zeros((300, 2), np.int32), None, None)
  rows = sequences.cut(unroll, 4, is_start=True)
  channels = 3 if rgb else 1
  assert rows.frame.shape == (301, 2, 42, 40, channels)
  stacked = sequences.stack(rows.frame, rows.step_type, rows.fills, 4)
  np.testing.assert_array_equal(stacked, played.observation)
  # Frames differ, or any order would do.
  assert np.any(played.observation[..., :channels] != rows.frame)


def test_rows_of_later_unrolls_are_not_cut_twice():
  rng = np.random.default_rng(0)
  timestep = types.TimeStep(
    rng.integers(256, size=(3, 1, 2, 2, 4), dtype=np.uint8),
    rng.normal(size=(3, 1)), np.ones((3, 1)), np.ones((3, 1), np.int8),
  )  # fmt: skip
  unroll = types.Unroll(timestep, np.array([[5], [6]], np.int32), None, None)
  start = sequences.cut(unroll, 4, is_start=True)
  later = sequences.cut(unroll, 4, is_start=False)
  assert start.action.tolist() == [[0], [5], [6]]
  assert later.action.tolist() == [[5], [6]]
  np.testing.assert_array_equal(start.frame[1:], later.frame)
  np.testing.assert_array_equal(
    later.frame[..., 0], timestep.observation[1:, ..., 3]
  )
