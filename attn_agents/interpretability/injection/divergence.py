"""How far apart an agent is with an injected object and without it."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from attn_agents.interpretability.injection import compute as injection
from attn_agents.interpretability.recordings import json_values
from attn_agents.interpretability.screen import cells


class Trace(NamedTuple):
  """Outputs of a network over n rows.

  Attributes:
    attention: float32 [n, heads, h, w]; no heads where there is none.
    policy_logits: float32 [n, num_actions].
    baseline: float32 [n].
    action: int32 [n], taken or, teacher-forced, the likeliest.
  """

  attention: np.ndarray
  policy_logits: np.ndarray
  baseline: np.ndarray
  action: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Divergence:
  """How far apart two traces are, row by row.

  Attributes:
    total_variation: float64 [n, heads], half the sum over cells of |A - A'|.
    jensen_shannon: float64 [n, heads], nats, at most log(2).
    policy_kl: float64 [n], KL(policy with || policy without), nats.
    value_difference: float64 [n], with - without.
    first_difference: the first row at which the actions differ; None if they
      never do.
    mass: float64 [n, heads], attention on the object's box, that of a cell
      being spread evenly over its pixels; 0 where nothing is shown.
    mass_without: float64 [n, heads], on the same box without the object.
    area: float64 [n], the box's share of the screen, which is the mass that
      attention spread over all of it would have there.
  """

  total_variation: np.ndarray
  jensen_shannon: np.ndarray
  policy_kl: np.ndarray
  value_difference: np.ndarray
  first_difference: int | None
  mass: np.ndarray
  mass_without: np.ndarray
  area: np.ndarray

  @property
  def visible(self) -> np.ndarray:
    """Rows with some of the object on the screen, bool [n]."""
    return self.area > 0

  def summary(self) -> dict[str, Any]:
    """Means over the rows that show the object, lists over heads; for JSON.

    `lift` is mass by area, `lift_without` the same before the object is there.
    """
    means = {
      'total_variation': self._mean(self.total_variation),
      'jensen_shannon': self._mean(self.jensen_shannon),
      'policy_kl': self._mean(self.policy_kl),
      'absolute_value_difference': self._mean(np.abs(self.value_difference)),
      'mass': self._mean(self.mass),
      'mass_without': self._mean(self.mass_without),
      'area': self._mean(self.area),
    }
    means['lift'] = means['mass'] / means['area']
    means['lift_without'] = means['mass_without'] / means['area']
    return json_values.json_ready(
      {
        'rows': len(self.area),
        'visible_rows': int(self.visible.sum()),
        'first_difference': self.first_difference,
        **means,
      }
    )

  def _mean(self, values: np.ndarray) -> np.ndarray:
    """Over the rows that show the object; NaN if there is none."""
    if not self.visible.any():
      return np.full(values.shape[1:], np.nan)
    return values[self.visible].mean(axis=0)


def total_variation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Half the L1 distance of distributions [..., h, w], float64 [...]."""
  difference = np.asarray(maps, np.float64) - others
  return np.abs(difference).sum(axis=(-2, -1)) / 2


def jensen_shannon(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Divergence of distributions [..., h, w] in nats, float64 [...]."""
  maps, others = np.asarray(maps, np.float64), np.asarray(others, np.float64)
  middle = (maps + others) / 2
  terms = special.rel_entr(maps, middle) + special.rel_entr(others, middle)
  return terms.sum(axis=(-2, -1)) / 2


def policy_kl(logits: np.ndarray, others: np.ndarray) -> np.ndarray:
  """KL(softmax(logits) || softmax(others)) of [..., actions], in nats."""
  ours = special.log_softmax(np.asarray(logits, np.float64), axis=-1)
  theirs = special.log_softmax(np.asarray(others, np.float64), axis=-1)
  return (np.exp(ours) * (ours - theirs)).sum(axis=-1)


def compare(
  with_object: Trace,
  without: Trace,
  rows: np.ndarray,
  injected: injection.Injection,
  grid: cells.Grid,
) -> Divergence:
  """Compares traces of the same n rows.

  Args:
    with_object: of the network that sees the object.
    without: of the one that does not.
    rows: int [n], their numbers in the game.
    injected: the object.
    grid: of attention's cells.
  """
  height, width = grid.frame
  covered = np.zeros((len(rows), len(grid.rows), len(grid.columns)))
  area = np.zeros(len(rows))
  for index, row in enumerate(rows):
    box = injected.box(int(row), grid.frame)
    if box is not None:
      top, left, bottom, right = box
      mask = np.zeros(grid.frame, bool)
      mask[top:bottom, left:right] = True
      covered[index] = cells.share(mask, grid)
      area[index] = mask.sum() / (height * width)
  differing = np.flatnonzero(with_object.action != without.action)
  mass, mass_without = (
    np.einsum('nqij,nij->nq', trace.attention, covered)
    for trace in (with_object, without)
  )
  return Divergence(
    total_variation=total_variation(with_object.attention, without.attention),
    jensen_shannon=jensen_shannon(with_object.attention, without.attention),
    policy_kl=policy_kl(with_object.policy_logits, without.policy_logits),
    value_difference=with_object.baseline.astype(np.float64) - without.baseline,
    first_difference=int(differing[0]) if len(differing) else None,
    mass=mass,
    mass_without=mass_without,
    area=area,
  )
