"""Perturbation saliency: how much policy and value depend on each place.

Greydanus et al. 2018 (arXiv 1711.00138), as S3TA section 4.7 uses it: at each
place of a grid the moment's observation is blurred under a Gaussian mask, while
recurrent state is held, and

    S_pi = 1/2 |pi(X') - pi(X)|^2,  S_V = 1/2 (V(X') - V(X))^2.

pi are probabilities, as in S3TA (Greydanus et al. took logits).
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from attn_agents import types
from attn_agents.interpretability.recordings import (
  moments,
  recording,
  trained_agent,
)
from attn_agents.interpretability.screen import grids, perturbation

# The width of what Greydanus et al. perturb: 160 columns of the screen, halved.
_WIDTH = 80


@dataclasses.dataclass(frozen=True)
class Sizes:
  """Sizes in pixels of the observation.

  Attributes:
    mask_sigma: standard deviation of the mask M, which is 1 at its centre.
    blur_sigma: standard deviation of the blur G.
    stride: between the places of the grid, the first of which is pixel (0, 0).
  """

  mask_sigma: float
  blur_sigma: float
  stride: int

  def __post_init__(self) -> None:
    """Raises ValueError if a size is not positive."""
    if min(self.mask_sigma, self.blur_sigma, self.stride) <= 0:
      raise ValueError(f'sizes must be positive, got {self}')


def default_sizes(width: int) -> Sizes:
  """The published sizes (5, 3 and 5 at 80 columns) for another width.

  The stride grows no further, so that 160 columns get a finer map.
  """
  scale = width / _WIDTH
  return Sizes(5.0 * scale, 3.0 * scale, max(1, round(5 * min(scale, 1.0))))


@dataclasses.dataclass(frozen=True)
class SaliencyMap:
  """Saliency at one moment.

  Attributes:
    row: of the recording.
    policy, value: float64 [h, w], S_pi and S_V at the places of the grid.
    rows, columns: where these are, float64 [h] and [w], fractions of the
      observation's height and width.
    size: height and width of the observation.
  """

  row: int
  policy: np.ndarray
  value: np.ndarray
  rows: np.ndarray
  columns: np.ndarray
  size: tuple[int, int]

  def images(self, size: tuple[int, int]) -> np.ndarray:
    """S_pi and S_V of a frame's pixels, float64 [2, *size], bilinear."""
    maps = np.stack([self.policy, self.value])
    return grids.interpolate(maps, self.rows, self.columns, size)

  def on_cells(self, cells: tuple[int, int]) -> np.ndarray:
    """Means of S_pi and S_V over h x w cells, float64 [2, *cells]."""
    return grids.cell_means(self.images(self.size), cells)


class Saliency:
  """Makes saliency maps of one network."""

  def __init__(
    self, played: trained_agent.TrainedAgent, sizes: Sizes | None = None
  ):
    """Compiles nothing yet; the first map does.

    Args:
      played: whose network, recurrent or not.
      sizes: None for `default_sizes`.
    """
    height, width, _ = played.environment_spec.observation_shape
    self._size = height, width
    self._sizes = sizes or default_sizes(width)
    self._rows, self._columns = (
      np.arange(0, size, self._sizes.stride) for size in self._size
    )
    self._perturber = perturbation.Perturber(
      played, self._sizes.blur_sigma, len(self._rows) * len(self._columns)
    )

  def at(self, params: types.Nest, moment: moments.Moment) -> SaliencyMap:
    """The maps of a moment from `moments.restore` with the same parameters."""
    before, after = self._perturber.responses(params, moment, self._masks())
    policy = 0.5 * np.sum(np.square(after.policy - before.policy), axis=-1)
    value = 0.5 * np.square(after.value - before.value)
    shape = len(self._rows), len(self._columns)
    height, width = self._size
    return SaliencyMap(
      row=moment.row,
      policy=policy.reshape(shape),
      value=value.reshape(shape),
      rows=(self._rows + 0.5) / height,
      columns=(self._columns + 0.5) / width,
      size=self._size,
    )

  def _masks(self) -> Iterator[np.ndarray]:
    """M of one place after another, float64 [height, width]."""
    down, across = (
      # A Gaussian of two dimensions is the product of two of one.
      np.exp(
        -0.5
        * np.square(np.arange(size) - places[:, None])
        / self._sizes.mask_sigma**2
      )
      for size, places in zip(
        self._size, (self._rows, self._columns), strict=True
      )
    )
    for row in down:
      for column in across:
        yield np.outer(row, column)


def saliency_maps(
  played: trained_agent.TrainedAgent,
  recorded: recording.Recording,
  rows: Sequence[int],
  sizes: Sizes | None = None,
) -> Iterator[SaliencyMap]:
  """The maps at some rows of a recording, in ascending order.

  S3TA looks at rows that more than 200 unperturbed frames came before.

  Args:
    played: the agent.
    recorded: what it is shown.
    rows: which.
    sizes: see `Saliency`.
  """
  maker = Saliency(played, sizes)
  for moment in moments.restore(played, recorded, rows):
    yield maker.at(played.params, moment)
