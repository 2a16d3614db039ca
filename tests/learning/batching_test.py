import numpy as np
import pytest

from attn_agents import types
from attn_agents.learning import batching

T, N = 3, 2


def _trajectory(k, step_type=None):
  """Every array says which trajectory, row and environment it is from."""
  rows = 100 * k + 10 * np.arange(T + 1)[:, None] + np.arange(N)[None]
  step_type = (
    np.full((T + 1, N), types.StepType.MID, np.int8)
    if step_type is None
    else step_type
  )
  game_return = np.full((T, N), np.nan, np.float32)
  game_length = np.zeros((T, N), np.int32)
  game_return[1, 0], game_length[1, 0] = k + 0.5, k + 1
  return types.Trajectory(
    unroll=types.Unroll(
      timestep=types.TimeStep(
        observation=rows[..., None].astype(np.uint8),
        reward=rows.astype(np.float32),
        discount=rows.astype(np.float32),
        step_type=step_type,
      ),
      action=rows[:T].astype(np.int32),
      behaviour_logits=np.stack([rows[:T]] * 4, -1).astype(np.float32),
      agent_state=types.AgentState(
        core_state={'h': rows[0][:, None] * np.ones(5, np.float32)},
        prev_action=rows[0].astype(np.int32),
      ),
    ),
    report=types.ActorReport(
      params_version=np.int64(k),
      actor_id=np.int32(0),
      games=np.array([k, 0], np.int32),
      game_end=types.GameEnd(game_return, game_length),
      env_seconds=np.float32(1),
      inference_seconds=np.float32(2),
      queue_seconds=np.float32(3),
      total_seconds=np.float32(10),
    ),
  )


def test_environments_are_put_side_by_side():
  unroll = batching.concatenate([_trajectory(1), _trajectory(2)])
  expected = np.array([[100, 101, 200, 201]]) + 10 * np.arange(T + 1)[:, None]
  np.testing.assert_array_equal(unroll.timestep.reward, expected)
  np.testing.assert_array_equal(unroll.action, expected[:T])
  assert unroll.behaviour_logits.shape == (T, 4, 4)
  np.testing.assert_array_equal(unroll.behaviour_logits[..., 2], expected[:T])
  np.testing.assert_array_equal(unroll.agent_state.prev_action, expected[0])
  np.testing.assert_array_equal(
    unroll.agent_state.core_state['h'][:, 3], expected[0]
  )


def test_description_counts_steps_games_and_time():
  step_type = np.full((T + 1, N), types.StepType.MID, np.int8)
  # Environment 0 ends at row 1; row 2 is its reset row.
  step_type[1, 0], step_type[2, 0] = types.StepType.LAST, types.StepType.FIRST
  # A FIRST row 0 is nobody's arrival in this unroll.
  step_type[0, 1] = types.StepType.FIRST
  info = batching.describe([_trajectory(3, step_type), _trajectory(4)])
  assert info.agent_steps == 2 * T * N - 1
  assert info.versions.tolist() == [3, 4]
  assert info.game_returns.tolist() == [3.5, 4.5]
  assert info.game_lengths.tolist() == [4, 5]
  assert info.actor_seconds.tolist() == [2, 4, 6, 20]
  # Environment 0 plays game 3, then 4; environment 1 plays game 0.
  assert info.games.tolist() == [3, 4]
  assert info.steps_of_games.tolist() == [2 * T, 0, 0, T - 1, T]


def _side_by_side(order):
  """Trajectories whose observations are parts of one array, in this order."""
  whole = np.arange((T + 1) * 6, dtype=np.uint8).reshape(T + 1, 6, 1).copy()
  return whole, [
    _showing(whole[:, N * place : N * (place + 1)]) for place in order
  ]


def _showing(observation):
  made = _trajectory(1)
  timestep = made.unroll.timestep._replace(observation=observation)
  return made._replace(unroll=made.unroll._replace(timestep=timestep))


def test_what_lies_side_by_side_is_not_copied():
  whole, parts = _side_by_side([0, 1, 2])
  assert batching.concatenate(parts).timestep.observation is whole


@pytest.mark.parametrize('order', [[0, 2, 1], [0, 1], [1, 2], [0, 1, 1]])
def test_parts_that_are_not_all_in_their_order_are_joined(order):
  whole, parts = _side_by_side(order)
  joined = batching.concatenate(parts).timestep.observation
  assert joined is not whole
  np.testing.assert_array_equal(
    joined, np.concatenate([whole[:, N * i : N * (i + 1)] for i in order], 1)
  )
