"""What a run of several games measures of each."""

import collections
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from attn_agents.learning import batching, game_columns

_RECENT_GAMES = 100

# The mean capped human-normalised score of returns by game; NaN if no game has
# the scores that this needs.
CappedScore = Callable[[Mapping[str, float]], float]


class GameScores:
  """Returns of the last games of each name, and shares of agent steps."""

  def __init__(
    self,
    games: Sequence[str],
    capped_score: CappedScore,
    recent: Iterable[tuple[int, float]] = (),
  ):
    """Starts empty, or with the last games of a continued run.

    Args:
      games: of the run, in the order of their numbers.
      capped_score: see above.
      recent: see the attribute of a snapshot, `recent_of_games`.
    """
    self._games = tuple(games)
    self._capped_score = capped_score
    self._returns = [
      collections.deque[float](maxlen=_RECENT_GAMES) for _ in games
    ]
    for game, value in recent:
      self._returns[game].append(value)
    self._steps = np.zeros(len(games), np.int64)

  @property
  def recent(self) -> tuple[tuple[int, float], ...]:
    """(game, return) of the last ones; () if the run is one game."""
    if len(self._games) == 1:
      return ()
    return tuple(
      (game, value)
      for game, values in enumerate(self._returns)
      for value in values
    )

  def add(self, info: batching.BatchInfo) -> None:
    """Adds a batch."""
    for game, value in zip(info.games, info.game_returns, strict=True):
      self._returns[game].append(float(value))
    self._steps[: len(info.steps_of_games)] += info.steps_of_games

  def close(self) -> dict[str, float]:
    """The columns, of the agent steps since this was called last."""
    if len(self._games) == 1:
      return {}
    means = {
      game: float(np.mean(values))
      for game, values in zip(self._games, self._returns, strict=True)
      if values
    }
    total = int(self._steps.sum())
    shares = {
      game_columns.SHARE + game: int(steps) / total if total else math.nan
      for game, steps in zip(self._games, self._steps, strict=True)
    }
    self._steps = np.zeros_like(self._steps)
    return {
      game_columns.CAPPED: self._capped_score(means),
      game_columns.SCORED: len(means),
      **{
        game_columns.RETURN + game: means.get(game, math.nan)
        for game in self._games
      },
      **shares,
    }
