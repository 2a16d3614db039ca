"""Catch, batched in NumPy: learned in minutes, so that tests can ask for it.

With the rules of bsuite's `catch` (Osband et al. 2020), which Haiku's IMPALA
example trains on: a ball falls down a 10 x 5 board, one row per step, from a
random column; a paddle on the bottom row moves left, stays or moves right.
"""

import numpy as np

from attn_agents import types
from attn_agents.environments import catch_suite, game_tracker
from configs import schema

ROWS, COLUMNS = catch_suite.BOARD
EPISODE_LENGTH = ROWS - 1


class CatchEnvironment:
  """B boards, drawn at the config's size; see `base.Environment`.

  Every episode lasts 9 steps and is a whole game; its last reward is +1 where
  the ball is caught and -1 where it is missed, all others are 0. Actions: 0
  left, 1 stay, 2 right. Of the config only the size of an observation counts:
  all channels, stacked or not, show the present board in black and white.
  """

  def __init__(
    self, config: schema.EnvironmentConfig, num_envs: int, seed: int
  ):
    """Builds the boards.

    Args:
      config: gives height, width and channels.
      num_envs: B.
      seed: row i draws its balls from a generator seeded with seed + i.

    Raises:
      ConfigError: if an observation has fewer pixels than the board.
    """
    catch_suite.SUITE.validate(config)
    self.num_envs = num_envs
    self.spec = catch_suite.SUITE.spec(config)
    self._row_of_pixel = np.arange(config.height) * ROWS // config.height
    self._column_of_pixel = np.arange(config.width) * COLUMNS // config.width
    self._generators = [
      np.random.default_rng(seed + i) for i in range(num_envs)
    ]
    self._games = game_tracker.GameTracker(num_envs)
    self._ball_row = np.zeros(num_envs, np.int32)
    self._ball_column = np.zeros(num_envs, np.int32)
    self._paddle_column = np.zeros(num_envs, np.int32)
    self._ended = np.ones(num_envs, bool)

  def reset(self) -> types.EnvOutput:
    """Drops a new ball in all rows; see `base.Environment.reset`."""
    self._ended[:] = True
    self._start_episodes()
    self._ended[:] = False
    timestep = types.TimeStep(
      observation=self._draw(),
      reward=np.zeros(self.num_envs, np.float32),
      discount=np.ones(self.num_envs, np.float32),
      step_type=np.full(self.num_envs, types.StepType.FIRST, np.int8),
    )
    return types.EnvOutput(timestep, self._games.reset())

  def step(self, action: np.ndarray) -> types.EnvOutput:
    """Lets all balls fall by one row; see `base.Environment.step`."""
    first = self._ended
    moved = np.clip(self._paddle_column + action - 1, 0, COLUMNS - 1)
    self._paddle_column = np.where(first, self._paddle_column, moved)
    self._ball_row = np.where(first, self._ball_row, self._ball_row + 1)
    self._start_episodes()
    self._ended = self._ball_row == ROWS - 1
    caught = self._ball_column == self._paddle_column
    reward = np.where(self._ended, np.where(caught, 1, -1), 0)
    step_type = np.where(
      first,
      types.StepType.FIRST,
      np.where(self._ended, types.StepType.LAST, types.StepType.MID),
    ).astype(np.int8)
    timestep = types.TimeStep(
      observation=self._draw(),
      reward=reward.astype(np.float32),
      discount=np.where(self._ended, 0, 1).astype(np.float32),
      step_type=step_type,
    )
    game_end = self._games.update(timestep.reward, step_type, self._ended)
    return types.EnvOutput(timestep, game_end)

  def close(self) -> None:
    """Nothing to free."""

  def _start_episodes(self) -> None:
    """Puts new balls on top of the boards whose episode has ended."""
    for i in np.flatnonzero(self._ended):
      self._ball_row[i] = 0
      self._ball_column[i] = self._generators[i].integers(COLUMNS)
      self._paddle_column[i] = COLUMNS // 2

  def _draw(self) -> np.ndarray:
    board = np.zeros((self.num_envs, ROWS, COLUMNS), np.uint8)
    rows = np.arange(self.num_envs)
    board[rows, self._ball_row, self._ball_column] = 255
    board[rows, ROWS - 1, self._paddle_column] = 255
    image = board[:, self._row_of_pixel][:, :, self._column_of_pixel]
    return np.repeat(
      image[..., np.newaxis], self.spec.observation_shape[2], axis=3
    )
