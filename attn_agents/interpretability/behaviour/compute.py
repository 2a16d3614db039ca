"""What a head does, in numbers: follows, looks ahead, scans, or stays.

S3TA's section 4 describes heads that track the player, trip wires that wait
where things will be, and scans of the way ahead. Here is how much of each a
head does, against a target (`targets`): all that moves, or one thing.
"""

import dataclasses
from typing import Any

import numpy as np

from attn_agents.interpretability.recordings import json_values
from attn_agents.interpretability.screen import cells, targets
from attn_agents.interpretability.weights import compute as attention_maps

# Agent steps; 15 are a second.
MAX_LAG = 15
# Fewer pairs of rows say nothing about a lag.
_MIN_PAIRS = 30
_CHANCE_SHIFTS = 20
# Pixels that a centre strays by rounding; less than that is no motion.
_STILL = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Behaviour:
  """Of each head; lags are -15..15 agent steps, positive ones ahead.

  At lag l, attention at row t is held against the target at row t + l of the
  same game.

  Attributes:
    lags: int [L].
    share: float64 [heads], mean attention on the target, that of a cell being
      spread evenly over its pixels.
    area: the target's mean share of the screen.
    lift: float64 [heads, L], share by area; 1 is chance, NaN is unknown.
    correlation: float64 [heads, L], of the centres of attention and target,
      rows and columns together, see `correlation`.
    look_ahead: float64 [heads], the lag of the largest correlation, in steps;
      NaN where the head or the target stands still.
    best_correlation: float64 [heads], there.
    chance: float64 [heads], the best correlation that the same motions shifted
      in time against each other reach in one of 20 cases; below it,
      `look_ahead` means nothing.
    speed: float64 [heads], mean way of the centre of attention, pixels per
      step.
    focus: float64 [heads], mean effective number of cells as a share of all:
      how much of the screen is attended to at once.
    coverage: float64 [heads], the same of the mean map: how much of the screen
      is attended to in all. Scanning heads have far more of it than focus.
    overlap: float64 [heads, MAX_LAG + 1], mean sum over cells of
      min(A_t, A_(t + l)) for l = 0..MAX_LAG.
    persistence: float64 [heads], the first l with an overlap below a half, in
      steps; infinite if there is none, NaN if too few rows say so.
  """

  lags: np.ndarray
  share: np.ndarray
  area: float
  lift: np.ndarray
  correlation: np.ndarray
  look_ahead: np.ndarray
  best_correlation: np.ndarray
  chance: np.ndarray
  speed: np.ndarray
  focus: np.ndarray
  coverage: np.ndarray
  overlap: np.ndarray
  persistence: np.ndarray

  def summary(self) -> dict[str, Any]:
    """The numbers per head, without those by lag but the present's lift."""
    values = dataclasses.asdict(self)
    for name in ('lags', 'correlation', 'overlap'):
      del values[name]
    values['lift'] = self.lift[:, len(self.lags) // 2]
    return json_values.json_ready(values)


def measure(
  attention: np.ndarray, target: targets.Target, grid: cells.Grid
) -> Behaviour:
  """Measures the heads of a recording.

  Args:
    attention: float [N, heads, h, w].
    target: over the same rows.
    grid: of the maps' cells.
  """
  lags = np.arange(-MAX_LAG, MAX_LAG + 1)
  game = target.game
  centres = np.moveaxis(cells.centre_of_mass(attention, grid), 1, 0)
  by_lag = _correlations(centres, target.centre, game, lags)
  known = ~np.isnan(by_lag).all(axis=1)
  best = np.where(known, np.nan_to_num(by_lag, nan=-2).argmax(axis=1), 0)
  share = _shares(attention, target, 0)
  overlap = _overlaps(attention, game)
  below = overlap < 0.5
  return Behaviour(
    lags=lags,
    share=share[0],
    area=share[1],
    lift=np.stack(
      [_lift(*_shares(attention, target, lag)) for lag in lags], axis=1
    ),
    correlation=by_lag,
    look_ahead=np.where(known, lags[best], np.nan),
    best_correlation=by_lag[np.arange(len(best)), best],
    chance=_chance(centres, target.centre, game, lags),
    speed=_speed(centres, game),
    focus=_effective_share(attention).mean(axis=0),
    coverage=_effective_share(attention.mean(axis=0, dtype=np.float64)),
    overlap=overlap,
    persistence=np.where(
      below.any(axis=1),
      below.argmax(axis=1).astype(float),
      np.where(np.isnan(overlap).any(axis=1), np.nan, np.inf),
    ),
  )


def correlation(points: np.ndarray, others: np.ndarray) -> float:
  """How far two sets of places go together, both axes in one number.

  The covariances of rows and of columns are added before they are divided by
  the spread, so that an axis along which nothing moves does not count.

  Args:
    points: float [n, 2], pixels.
    others: float [n, 2].

  Returns:
    From -1 to 1; NaN where one of them stands still.
  """
  points = points - points.mean(axis=0)
  others = others - others.mean(axis=0)
  squares = (points**2).sum(), (others**2).sum()
  if min(squares) < _STILL**2 * len(points):
    return np.nan
  return float((points * others).sum() / np.sqrt(squares[0] * squares[1]))


def _correlations(
  centres: np.ndarray,
  target: np.ndarray,
  game: np.ndarray,
  lags: np.ndarray,
  shift: int = 0,
) -> np.ndarray:
  """Of heads [heads, N, 2] with a target [N, 2], float64 [heads, L].

  `shift` is by how many rows the target comes too late, for chance.
  """
  moved = np.roll(target, -shift, axis=0)
  found = np.full((len(centres), len(lags)), np.nan)
  for column, lag in enumerate(lags):
    now, then = _pairs(game, lag)
    there = ~np.isnan(moved[then]).any(axis=1)
    if there.sum() >= _MIN_PAIRS:
      for head, centre in enumerate(centres):
        found[head, column] = correlation(
          centre[now[there]], moved[then[there]]
        )
  return found


def _chance(
  centres: np.ndarray, target: np.ndarray, game: np.ndarray, lags: np.ndarray
) -> np.ndarray:
  """See `Behaviour`, float64 [heads]; NaN for a short recording."""
  # Shifted by less, lags would meet what they met before.
  least = 2 * MAX_LAG + 1
  if len(game) < 2 * least + _CHANCE_SHIFTS:
    return np.full(len(centres), np.nan)
  shifts = np.linspace(least, len(game) - least, _CHANCE_SHIFTS).astype(int)
  best = np.stack(
    [
      np.nan_to_num(
        _correlations(centres, target, game, lags, shift), nan=-np.inf
      ).max(axis=1)
      for shift in shifts
    ]
  )
  best[np.isinf(best)] = np.nan
  return np.quantile(best, 1 - 1 / _CHANCE_SHIFTS, axis=0)


def _shares(
  attention: np.ndarray, target: targets.Target, lag: int
) -> tuple[np.ndarray, float]:
  """Mean attention on the target [heads], and mean area, `lag` rows later."""
  now, then = _pairs(target.game, lag)
  there = ~np.isnan(target.area[then])
  if not there.any():
    return np.full(attention.shape[1], np.nan), np.nan
  now, then = now[there], then[there]
  on_target = np.einsum('nqij,nij->q', attention[now], target.cells[then])
  return on_target / len(now), float(target.area[then].mean())


def _lift(share: np.ndarray, area: float) -> np.ndarray:
  """Share by area, NaN where there was nothing to attend to."""
  return share / area if area > 0 else np.full_like(share, np.nan)


def _speed(centres: np.ndarray, game: np.ndarray) -> np.ndarray:
  """Mean way of centres [heads, N, 2] from row to row, float64 [heads]."""
  now, then = _pairs(game, 1)
  ways = np.linalg.norm(centres[:, then] - centres[:, now], axis=-1)
  return ways.mean(axis=1) if len(now) else np.full(len(centres), np.nan)


def _effective_share(maps: np.ndarray) -> np.ndarray:
  """Effective number of cells of maps [..., h, w] by their number."""
  height, width = maps.shape[-2:]
  return attention_maps.effective_cells(maps) / (height * width)


def _overlaps(attention: np.ndarray, game: np.ndarray) -> np.ndarray:
  """See `Behaviour.overlap`."""
  found = np.full((attention.shape[1], MAX_LAG + 1), np.nan)
  for lag in range(MAX_LAG + 1):
    now, then = _pairs(game, lag)
    if len(now):
      both = np.minimum(attention[now], attention[then])
      found[:, lag] = both.sum(axis=(-2, -1), dtype=np.float64).mean(axis=0)
  return found


def _pairs(game: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
  """Rows, and those `lag` rows later, where both are of the same game."""
  now = np.arange(max(0, -lag), len(game) - max(0, lag))
  now = now[game[now] == game[now + lag]]
  return now, now + lag
