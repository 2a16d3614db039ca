"""Scores of whole games, across the lives that an agent sees as episodes."""

import numpy as np

from attn_agents import types


class GameTracker:
  """Adds up rewards and agent steps until a game, not a life, is over."""

  def __init__(self, num_envs: int):
    self._return = np.zeros(num_envs, np.float64)
    self._length = np.zeros(num_envs, np.int32)

  def reset(self) -> types.GameEnd:
    """Forgets the games in progress; returns a `GameEnd` without any end."""
    self.forget(np.ones(self._return.shape, bool))
    return _game_end(self._return, self._length, np.zeros_like(self._return))

  def update(
    self, reward: np.ndarray, step_type: np.ndarray, game_over: np.ndarray
  ) -> types.GameEnd:
    """Takes in one row of each environment.

    Args:
      reward: float32 [B], unclipped.
      step_type: int8 [B]; arriving at a FIRST row is no agent step.
      game_over: bool [B], the whole game ended on arriving at this row.

    Returns:
      `GameEnd` [B] of the games that ended at this row.
    """
    self._return += reward
    self._length += step_type != types.StepType.FIRST
    game_end = _game_end(self._return, self._length, game_over)
    self.forget(game_over)
    return game_end

  def forget(self, rows: np.ndarray) -> None:
    """Drops the games in progress in some rows, bool [B]: they are no games."""
    self._return[rows] = 0.0
    self._length[rows] = 0


def _game_end(
  game_return: np.ndarray, game_length: np.ndarray, game_over: np.ndarray
) -> types.GameEnd:
  return types.GameEnd(
    game_return=np.where(game_over, game_return, np.nan).astype(np.float32),
    game_length=np.where(game_over, game_length, 0).astype(np.int32),
  )
