"""Deletion and insertion: whether the agent needs what a map points at.

Petsiuk et al. 2018 (arXiv 1806.07421), for agents: cells of an observation are
blurred in the order of a map, the largest first (deletion), or restored in that
order in an observation that is blurred everywhere (insertion). Recurrent state
is held. A map that finds what matters changes the outputs sooner than a random
order does, and restores them sooner.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import scipy.integrate

from attn_agents import types
from attn_agents.interpretability.recordings import moments, trained_agent
from attn_agents.interpretability.saliency import compute as saliency
from attn_agents.interpretability.screen import grids, perturbation

PLAYS = ('deletion', 'insertion')
OUTPUTS = ('policy', 'value')


@dataclasses.dataclass(frozen=True)
class Curves:
  """How far the outputs are from what they were, by fraction of cells done.

  Axes [2, 2, ...] are `PLAYS` and `OUTPUTS`. Of the policy it is the total
  variation 1/2 sum |pi' - pi|, of the value |V' - V|.

  Attributes:
    row: of the recording.
    names: of the maps.
    fractions: float64 [P], of cells that were deleted or inserted.
    ordered: float64 [2, 2, maps, P], in the order of each map.
    random: float64 [2, 2, draws, P], the baseline: in random orders.
  """

  row: int
  names: tuple[str, ...]
  fractions: np.ndarray
  ordered: np.ndarray
  random: np.ndarray

  @property
  def areas(self) -> np.ndarray:
    """Under `ordered`, float64 [2, 2, maps].

    The larger in deletion and the smaller in insertion, the better the map.
    """
    return scipy.integrate.trapezoid(self.ordered, self.fractions)

  @property
  def random_areas(self) -> np.ndarray:
    """Under `random`, float64 [2, 2, draws]."""
    return scipy.integrate.trapezoid(self.random, self.fractions)


class Deletion:
  """Draws the curves of one network; compiled once."""

  def __init__(
    self,
    played: trained_agent.TrainedAgent,
    cells: tuple[int, int],
    num_maps: int,
    *,
    num_points: int = 21,
    num_draws: int = 5,
    seed: int = 0,
    blur_sigma: float | None = None,
  ):
    """Compiles nothing yet.

    Args:
      played: whose network.
      cells: h and w of the maps.
      num_maps: how many of them are to be judged at each moment.
      num_points: P, evenly spaced from no cell to all.
      num_draws: random orders, new ones at each row.
      seed: of these.
      blur_sigma: in pixels; None for that of saliency.
    """
    height, width, _ = played.environment_spec.observation_shape
    self._size = height, width
    self._cells, self._num_maps = cells, num_maps
    self._num_draws, self._seed = num_draws, seed
    total = cells[0] * cells[1]
    self._counts = np.rint(np.linspace(0, total, num_points)).astype(int)
    if blur_sigma is None:
      blur_sigma = saliency.default_sizes(width).blur_sigma
    self._perturber = perturbation.Perturber(
      played, blur_sigma, len(PLAYS) * (num_maps + num_draws) * num_points
    )

  def at(
    self,
    params: types.Nest,
    moment: moments.Moment,
    maps: Mapping[str, np.ndarray],
  ) -> Curves:
    """The curves of a moment.

    Args:
      params: of the network.
      moment: from `moments.restore` with the same parameters.
      maps: float [h, w] by name; of equal cells the first in row-major order
        goes first.

    Raises:
      ValueError: they are not as many or not as large as was said.
    """
    shapes = {np.shape(values) for values in maps.values()}
    if len(maps) != self._num_maps or shapes != {self._cells}:
      raise ValueError(
        f'expected {self._num_maps} maps of {self._cells} cells, got '
        f'{len(maps)} of {sorted(shapes)}'
      )
    orders = [
      np.argsort(-np.ravel(values), kind='stable') for values in maps.values()
    ]
    rng = np.random.default_rng((self._seed, moment.row))
    total = self._cells[0] * self._cells[1]
    orders += [rng.permutation(total) for _ in range(self._num_draws)]
    before, after = self._perturber.responses(
      params, moment, self._masks(orders)
    )
    distances = np.stack(
      [
        0.5 * np.sum(np.abs(after.policy - before.policy), axis=-1),
        np.abs(after.value - before.value),
      ]
    ).reshape(len(OUTPUTS), len(PLAYS), len(orders), -1)
    curves = np.swapaxes(distances, 0, 1)
    return Curves(
      row=moment.row,
      names=tuple(maps),
      fractions=self._counts / total,
      ordered=curves[:, :, : len(maps)],
      random=curves[:, :, len(maps) :],
    )

  def _masks(self, orders: list[np.ndarray]) -> Iterator[np.ndarray]:
    """float32 [height, width] by play, order and point; 1 is blurred."""
    for play in PLAYS:
      for order in orders:
        for count in self._counts:
          done = np.zeros(len(order), np.float32)
          done[order[:count]] = 1.0
          blurred = done if play == 'deletion' else 1.0 - done
          yield grids.expand(blurred.reshape(self._cells), self._size)
