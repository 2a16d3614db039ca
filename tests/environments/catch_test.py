import dataclasses

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import catch
from configs import errors, schema

FIRST, MID, LAST = types.StepType
BOARD = schema.EnvironmentConfig(
  game='catch', height=10, width=5, grayscale=True
)


def column_of(board: np.ndarray, row: int) -> int:
  (lit,) = np.flatnonzero(board[row])
  return int(lit)


def steer(observation: np.ndarray, towards: bool) -> np.ndarray:
  """Moves each paddle to (or away from) the ball seen in [B, 10, 5, 1]."""
  moves = []
  for board in observation[..., 0]:
    ball_row = int(np.flatnonzero(board.any(axis=1))[0])
    if ball_row == 9:
      moves.append(1)
      continue
    ball, paddle = column_of(board, ball_row), column_of(board, 9)
    target = ball if towards else (0 if ball >= 2 else 4)
    moves.append(1 + np.sign(target - paddle))
  return np.array(moves, np.int32)


@pytest.mark.parametrize('towards, final', [(True, 1), (False, -1)])
def test_episodes_last_nine_steps_and_end_in_catch_or_miss(towards, final):
  env = catch.CatchEnvironment(BOARD, 8, 0)
  output = env.reset()
  for row in range(1, 40):
    output = env.step(steer(output.timestep.observation, towards))
    timestep, game_end = output
    kind = {0: FIRST, 9: LAST}.get(row % 10, MID)
    assert (timestep.step_type == kind).all()
    assert (timestep.reward == (final if kind == LAST else 0)).all()
    assert (timestep.discount == (0 if kind == LAST else 1)).all()
    if kind == LAST:
      assert (game_end.game_return == final).all()
      assert (game_end.game_length == 9).all()
    else:
      assert np.isnan(game_end.game_return).all()
      assert (game_end.game_length == 0).all()


def test_rules_against_a_board_played_by_hand():
  env = catch.CatchEnvironment(BOARD, 5, 3)
  board = env.reset().timestep.observation[..., 0]
  ball = [column_of(b, 0) for b in board]
  paddle = [2] * 5
  for row in range(1, 10):
    action = np.array([0, 1, 2, row % 3, 2 - row % 3], np.int32)
    timestep = env.step(action).timestep
    for i in range(5):
      paddle[i] = min(4, max(0, paddle[i] + int(action[i]) - 1))
      expected = np.zeros((10, 5), np.uint8)
      expected[row, ball[i]] = expected[9, paddle[i]] = 255
      np.testing.assert_array_equal(timestep.observation[i, ..., 0], expected)
  caught = np.equal(ball, paddle)
  np.testing.assert_array_equal(timestep.reward, np.where(caught, 1, -1))
  # The action at LAST is ignored: the paddle starts in the middle again.
  board = env.step(np.zeros(5, np.int32)).timestep.observation[..., 0]
  assert [column_of(b, 9) for b in board] == [2] * 5
  assert (board[:, 0] == 255).sum() == 5


def test_balls_start_in_all_columns_and_rows_are_seeded_apart():
  def starts(seed: int) -> np.ndarray:
    env = catch.CatchEnvironment(BOARD, 3, seed)
    rows = [env.reset()]
    rows += [env.step(np.ones(3, np.int32)) for _ in range(10 * 60)]
    return np.array(
      [
        [column_of(b, 0) for b in row.timestep.observation[..., 0]]
        for row in rows[::10]
      ]
    )

  seen = starts(0)
  assert set(seen.ravel()) == set(range(5))
  np.testing.assert_array_equal(seen, starts(0))
  assert (seen[:, 0] != seen[:, 1]).any()
  np.testing.assert_array_equal(seen[:, 1:], starts(1)[:, :-1])


@pytest.mark.parametrize('height, width', [(210, 160), (84, 84), (11, 7)])
@pytest.mark.parametrize('grayscale, stack', [(True, 4), (False, 1)])
def test_drawn_at_any_size_by_nearest_neighbour(
  height, width, grayscale, stack
):
  config = dataclasses.replace(
    BOARD, height=height, width=width, grayscale=grayscale, frame_stack=stack
  )
  env = catch.CatchEnvironment(config, 2, 0)
  small = catch.CatchEnvironment(BOARD, 2, 0)
  assert env.spec.observation_shape == (
    height,
    width,
    stack * (3 - 2 * grayscale),
  )
  env.reset()
  small.reset()
  action = np.array([0, 2], np.int32)
  drawn = env.step(action).timestep.observation
  board = small.step(action).timestep.observation
  assert drawn.dtype == np.uint8
  assert drawn.shape == (2, *env.spec.observation_shape)
  for y in range(0, height, 3):
    for x in range(0, width, 3):
      pixel = board[:, y * 10 // height, x * 5 // width]
      assert (drawn[:, y, x] == pixel).all()


def test_reset_in_mid_episode_starts_all_anew():
  env = catch.CatchEnvironment(BOARD, 4, 0)
  env.reset()
  for _ in range(4):
    env.step(np.zeros(4, np.int32))
  output = env.reset()
  assert (output.timestep.step_type == FIRST).all()
  assert (output.timestep.observation[:, 9, 2, 0] == 255).all()
  for _ in range(9):
    output = env.step(np.ones(4, np.int32))
  assert (output.game_end.game_length == 9).all()


def test_board_must_fit():
  for field, low in (('height', 10), ('width', 5)):
    for value in (low - 1, 1025):
      words = f'environment.{field}={value}: expected {low} to 1024'
      with pytest.raises(errors.ConfigError, match=words):
        catch.CatchEnvironment(
          dataclasses.replace(BOARD, **{field: value}), 1, 0
        )
  catch.CatchEnvironment(dataclasses.replace(BOARD, width=1024), 1, 0)


def test_no_game_is_cut():
  config = dataclasses.replace(BOARD, max_episode_frames=36)
  catch.CatchEnvironment(config, 1, 0)
  with pytest.raises(errors.ConfigError, match='35: expected at least 36'):
    catch.CatchEnvironment(
      dataclasses.replace(config, max_episode_frames=35), 1, 0
    )
