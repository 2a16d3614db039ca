"""Scores over all games: median, mean and interquartile mean, with intervals.

As Agarwal et al. 2021 recommend and their library rliable computes them. The
bootstrap is stratified: it draws runs within each game, so that the interval
estimates what other seeds would have given.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from rliable import library, metrics

_STATISTICS = {
  'median': metrics.aggregate_median,
  'iqm': metrics.aggregate_iqm,
  'mean': metrics.aggregate_mean,
}


@dataclasses.dataclass(frozen=True)
class Estimate:
  """A statistic with its 95 % interval.

  Attributes:
    value: of the runs there are.
    low, high: the interval; both NaN if a game has one run only, which says
      nothing about its other seeds.
  """

  value: float
  low: float
  high: float


def aggregate(
  scores: Mapping[str, Sequence[float]], reps: int = 2000, seed: int = 0
) -> dict[str, Estimate]:
  """Aggregates of normalised scores.

  Args:
    scores: of the runs of each game, at least one game. Games may have
      different numbers of runs; all runs count, and all games weigh the same.
    reps: bootstrap samples.
    seed: of the bootstrap.

  Returns:
    'median' and 'mean' of the games' means, and 'iqm', the mean of the middle
    half of all runs.
  """
  counts = [len(runs) for runs in scores.values()]
  # Each run as often as it takes to have as many of every game.
  most = math.lcm(*counts)
  table = np.stack(
    [np.repeat(runs, most // len(runs)) for runs in scores.values()], axis=1
  )
  values = {name: float(f(table)) for name, f in _STATISTICS.items()}
  if min(counts) < 2:
    nan = float('nan')
    return {name: Estimate(v, nan, nan) for name, v in values.items()}
  bootstrap = _Bootstrap(table, counts, np.random.default_rng(seed))
  intervals = bootstrap.conf_int(
    lambda x: np.array([f(x) for f in _STATISTICS.values()]),
    reps=reps,
    size=0.95,
    method='percentile',
  )
  return {
    name: Estimate(values[name], float(low), float(high))
    for name, low, high in zip(_STATISTICS, *intervals, strict=True)
  }


class _Bootstrap(library.StratifiedBootstrap):
  """Rliable's, which draws from NumPy's global state, with a generator.

  It draws as many runs of a game as the game has, and repeats each.
  """

  def __init__(
    self,
    table: np.ndarray,
    counts: Sequence[int],
    generator: np.random.Generator,
  ):
    """Draws nothing.

    Args:
      table: [N, games], N a multiple of every count.
      counts: runs of each game, each `N // count` times in turn in its column.
      generator: of the draws.
    """
    super().__init__(table)
    self._counts, self._draws = counts, generator

  def update_indices(self) -> tuple[np.ndarray, ...]:
    """Indices of a sample, [N, games] and what broadcasts with it."""
    rows = self._args_shape[0]
    indices = [
      np.repeat(
        self._draws.integers(count, size=count) * (rows // count), rows // count
      )
      for count in self._counts
    ]
    return (np.stack(indices, axis=1), *self._strata_indices)
