"""Play with weak attention cut off (S3TA A.6, Eqs. 12-13, Table 5).

If scores hold, the agent lives on what the maps show in bright colours, and not
on the dark rest.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from attn_agents.evaluation import episodes, evaluator, results
from attn_agents.evaluation.reporting import published
from attn_agents.interpretability.recordings import json_values, trained_agent

# Table 5 has one threshold only.
_PUBLISHED_THRESHOLD = 0.1

COLUMNS = (
  'level',
  'threshold',
  'mean_return',
  'relative_score_pct',
  'uncertainty_pct',
  'published_pct',
  'published_uncertainty_pct',
)


@dataclasses.dataclass(frozen=True, eq=False)
class HardAttention:
  """Scores by threshold.

  Attributes:
    game: which.
    thresholds: float64 [n], t; the first is 0.
    returns: float64 [n, episodes], unclipped.
    means: float64 [n], of them.
    distinct: int64 [n], how many of the games differ.
    errors: float64 [n], standard errors of the means of those; NaN for one.
    ratios: float64 [n], means relative to that of t = 0; NaN where that one is
      not above 0, and nothing can be a share of it.
    uncertainties: float64 [n], of the ratios, see `ratio`; 0 for t = 0.
  """

  game: str
  thresholds: np.ndarray
  returns: np.ndarray
  means: np.ndarray
  distinct: np.ndarray
  errors: np.ndarray
  ratios: np.ndarray
  uncertainties: np.ndarray

  def rows(self) -> list[dict[str, Any]]:
    """Table 5's form, a dict by `COLUMNS` for each t but 0; None is unknown."""
    rows = []
    for index, threshold in enumerate(self.thresholds):
      if not threshold:
        continue
      printed = None
      if np.isclose(threshold, _PUBLISHED_THRESHOLD):
        printed = published.hard_attention(self.game)
      theirs = [None, None] if printed is None else [100 * x for x in printed]
      ours = (self.ratios[index], self.uncertainties[index])
      values = [
        self.game,
        threshold,
        self.means[index],
        *(100 * x for x in ours),
        *theirs,
      ]
      rows.append(
        dict(zip(COLUMNS, json_values.json_ready(values), strict=True))
      )
    return rows

  def summary(self) -> dict[str, Any]:
    """All of it in plain Python, fit for JSON."""
    return json_values.json_ready(
      {**dataclasses.asdict(self), 'table': self.rows()}
    )


def ratio(
  mean: float, error: float, base: float, base_error: float
) -> tuple[float, float]:
  """The ratio of two means, and its uncertainty.

  The two errors are propagated to first order, as if they were independent:
  (mean / base) sqrt((error / mean)^2 + (base_error / base)^2). Games of the
  same seed are alike until an action differs, which makes the true uncertainty
  smaller, if anything.

  Args:
    mean: numerator.
    error: its standard error.
    base: denominator.
    base_error: its standard error.

  Returns:
    Ratio and uncertainty; NaN twice unless `base` is above 0.
  """
  if base <= 0:
    return np.nan, np.nan
  quotient = mean / base
  # In this form the numerator may be 0.
  return quotient, np.hypot(error, quotient * base_error) / base


def with_threshold(
  network: nn.Module, threshold: float, agent: str
) -> nn.Module:
  """The network with hard attention, Eqs. 12-13, and the same parameters.

  Args:
    network: of an agent.
    threshold: t in [0, 1]; 0 leaves attention as it is.
    agent: its name, for the error.

  Raises:
    ValueError: the agent has no attention to harden, or `threshold` is beyond
      its range.
  """
  if not hasattr(network, 'attention_threshold'):
    raise ValueError(
      f'{agent} cannot play with hard attention: it has no soft attention over '
      'cells'
    )
  if not 0 <= threshold <= 1:
    raise ValueError(f'threshold={threshold}: expected a number from 0 to 1')
  return network.clone(attention_threshold=float(threshold))


def measure(
  played: trained_agent.TrainedAgent,
  plan: evaluator.Plan,
  thresholds: Sequence[float],
  *,
  report: Callable[[float, episodes.Episode], None] = lambda t, episode: None,
  should_stop: Callable[[], bool] = lambda: False,
) -> HardAttention:
  """Scores the agent at each threshold, in games of the same seeds.

  Args:
    played: who plays.
    plan: how; `num_episodes` games for each threshold.
    thresholds: t in [0, 1]; 0 is put first if it is missing.
    report: called with the threshold and each game that has ended.
    should_stop: see `episodes.play`.

  Raises:
    ValueError: see `with_threshold`.
    StoppedError: see `episodes.play`.
  """
  ordered = sorted({0.0, *map(float, thresholds)})
  networks = [
    with_threshold(played.network, t, played.config.agent) for t in ordered
  ]
  returns, traces = [], []
  for t, network in zip(ordered, networks, strict=True):
    scorer = evaluator.Evaluator(
      played.config, plan, played.with_network(network)
    )
    games = scorer.evaluate(
      played.params,
      report=functools.partial(report, t),
      should_stop=should_stop,
    )
    returns.append([game.game_return for game in games])
    traces.append([game.trace for game in games])
  return compare(played.config.environment.game, ordered, returns, traces)


def compare(
  game: str,
  thresholds: Sequence[float],
  returns: Sequence[Sequence[float]] | np.ndarray,
  traces: Sequence[Sequence[str]] | None = None,
) -> HardAttention:
  """Statistics of returns [n, episodes] at thresholds [n], the first 0.

  `traces` are those of the same games, see `episodes.Episode`; None if all of
  them differ.
  """
  scores = np.asarray(returns, np.float64)
  means = scores.mean(axis=1)
  distinct = [
    results.distinct_returns(row, of_row)
    for row, of_row in zip(
      scores.tolist(),
      traces or [[''] * len(row) for row in scores],
      strict=True,
    )
  ]
  errors = np.array(
    [
      np.std(row, ddof=1) / len(row) ** 0.5 if len(row) > 1 else np.nan
      for row in distinct
    ]
  )
  ratios = np.array(
    [
      ratio(mean, error, means[0], errors[0])
      for mean, error in zip(means, errors, strict=True)
    ]
  )
  # t = 0 relative to itself is no measurement.
  ratios[0, 1] = 0.0 if means[0] > 0 else np.nan
  return HardAttention(
    game=game,
    thresholds=np.asarray(thresholds, np.float64),
    returns=scores,
    means=means,
    distinct=np.array([len(row) for row in distinct]),
    errors=errors,
    ratios=ratios[:, 0],
    uncertainties=ratios[:, 1],
  )
