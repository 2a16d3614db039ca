"""Scores over all games: median, mean and interquartile mean, with intervals.

As Agarwal et al. 2021 recommend and their library rliable computes them. The
bootstrap is stratified: it draws runs within each game, so that the interval
estimates what other seeds would have given.
"""

import dataclasses
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
    low, high: the interval; both NaN if every game has one run only, which
      says nothing about other seeds.
  """

  value: float
  low: float
  high: float


def aggregate(
  scores: Mapping[str, Sequence[float]], reps: int = 2000, seed: int = 0
) -> dict[str, Estimate]:
  """Aggregates of normalised scores.

  Args:
    scores: of the runs of each game, at least one game. If games have different
      numbers of runs, only the first ones of each count.
    reps: bootstrap samples.
    seed: of the bootstrap.

  Returns:
    'median' and 'mean' of the games' means, and 'iqm', the mean of the middle
    half of all runs.
  """
  runs = min(map(len, scores.values()))
  table = np.array([list(s)[:runs] for s in scores.values()]).T
  values = {name: float(f(table)) for name, f in _STATISTICS.items()}
  if runs < 2:
    nan = float('nan')
    return {name: Estimate(v, nan, nan) for name, v in values.items()}
  _, intervals = library.get_interval_estimates(
    {'': table},
    lambda x: np.array([f(x) for f in _STATISTICS.values()]),
    reps=reps,
    random_state=np.random.RandomState(seed),
  )
  return {
    name: Estimate(values[name], float(low), float(high))
    for name, low, high in zip(_STATISTICS, *intervals[''], strict=True)
  }
