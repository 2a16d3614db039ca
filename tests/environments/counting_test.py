"""The row after an episode's end is no step, and is never counted as one."""

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import catch
from configs import schema
from tests import counting_environment

FIRST, MID, LAST = types.StepType


def test_rows_of_a_two_step_episode_by_hand():
  env = counting_environment.CountingEnvironment([2], 3, 4, 2)
  rows = [env.reset()]
  rows += [env.step(np.zeros(1, np.int32)) for _ in range(4)]
  table = [
    (
      int(row.timestep.observation[0, 0, 0, 0]),
      row.timestep.reward[0],
      row.timestep.discount[0],
      row.timestep.step_type[0],
      row.game_end.game_length[0],
    )
    for row in rows
  ]
  assert table == [
    (0, 0, 1, FIRST, 0),
    (1, 1, 1, MID, 0),
    (2, 1, 0, LAST, 2),
    (0, 0, 1, FIRST, 0),
    (1, 1, 1, MID, 0),
  ]
  assert rows[0].timestep.observation.shape == (1, 3, 4, 2)


@pytest.mark.parametrize('truncated', [True, False])
def test_num_agent_steps_equals_the_steps_taken(truncated):
  lengths = [1, 2, 5, 7, 100]
  env = counting_environment.CountingEnvironment(lengths, truncated=truncated)
  rows = [env.reset()]
  reward, counted = 0.0, 0
  for unroll in range(4):
    rows = rows[-1:]
    for step in range(13):
      rows.append(env.step(np.full(5, (unroll + step) % 3, np.int32)))
    step_type = np.stack([row.timestep.step_type for row in rows])
    counted += types.num_agent_steps(step_type)
    reward += sum(row.timestep.reward.sum() for row in rows[1:])
  assert counted == env.env_steps.sum() == reward
  # 52 rows; an episode of length n takes n + 1 of them.
  expected = [52 - 52 // (length + 1) for length in lengths]
  np.testing.assert_array_equal(env.env_steps, expected)
  discounts = np.concatenate([row.timestep.discount for row in rows])
  assert discounts.all() == truncated


def test_num_agent_steps_of_catch():
  env = catch.CatchEnvironment(
    schema.EnvironmentConfig(height=10, width=5), 3, 0
  )
  rows = [env.reset()] + [env.step(np.ones(3, np.int32)) for _ in range(30)]
  step_type = np.stack([row.timestep.step_type for row in rows])
  # 30 rows are 3 episodes of 9 steps and a reset row each.
  assert types.num_agent_steps(step_type) == 3 * 27
