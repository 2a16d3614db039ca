"""Where on the screen the cells of a map are.

A cell sees the pixels of its receptive field; a pixel is said to belong to the
cell whose receptive field has the nearest centre. For S3TA at the paper's size
the centres lie 8 pixels apart, so that stretching 27 x 20 cells evenly over
210 x 160 pixels would put the lowest row 4 pixels off.
"""

from typing import NamedTuple

import numpy as np

from attn_agents.environments import registry as environments
from attn_agents.interpretability.screen import grids
from configs import errors, schema, sizes

METHODS = ('nearest', 'bilinear')


class Grid(NamedTuple):
  """The cells' centres, in pixels of the frame; 0.5 is the first pixel's.

  Attributes:
    rows: float64 [h], ascending.
    columns: float64 [w], ascending.
    frame: H and W, the size of the frame.
  """

  rows: np.ndarray
  columns: np.ndarray
  frame: tuple[int, int]


def even(map_size: tuple[int, int], frame: tuple[int, int]) -> Grid:
  """Cells of one size that cover the frame; `map_size` is (h, w)."""
  rows, columns = (
    (np.arange(cells) + 0.5) * size / cells
    for cells, size in zip(map_size, frame, strict=True)
  )
  return Grid(rows, columns, frame)


def of_convolutions(
  observation: tuple[int, int],
  layers: sizes.Convolutions,
  frame: tuple[int, int],
) -> Grid:
  """The centres of receptive fields after convolutions.

  Args:
    observation: height and width of what the first layer sees.
    layers: the convolutions.
    frame: height and width of the screen that the observation shows, whole and
      resized.
  """
  border = layers.border
  rows, columns = (
    (_centres(seen + 2 * border, layers) - border) * size / seen
    for seen, size in zip(observation, frame, strict=True)
  )
  return Grid(rows, columns, frame)


def of_agent(config: schema.Config, map_size: tuple[int, int]) -> Grid:
  """The grid of an agent's attention maps on the screen of its game.

  Args:
    config: of the run.
    map_size: (h, w), used if the agent names no convolutions; then the cells
      cover the screen evenly.
  """
  spec = environments.spec(config.environment)
  height, width, _ = spec.screen_shape
  layers = config.network.attention_layers
  if layers is None:
    return even(map_size, (height, width))
  seen = spec.observation_shape[:2]
  return of_convolutions(seen, layers, (height, width))


def edges(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
  """Borders of the cells' rectangles in whole pixels.

  Returns:
    rows: int [h + 1], cell i has the pixels rows[i]..rows[i + 1] - 1.
    columns: int [w + 1].
  """
  rows, columns = (
    np.concatenate(
      [
        [0],
        # Pixel p belongs to the cell on whose side p + 0.5 lies.
        np.clip(np.ceil((centres[:-1] + centres[1:] - 1) / 2), 0, size),
        [size],
      ]
    ).astype(int)
    for centres, size in zip(grid[:2], grid.frame, strict=True)
  )
  return rows, columns


def resize(maps: np.ndarray, grid: Grid, method: str) -> np.ndarray:
  """Gives each pixel of the frame the value of its cell, or one between cells.

  Args:
    maps: float [..., h, w].
    grid: of these cells.
    method: 'nearest', the value of the cell; or 'bilinear', between the four
      nearest centres, constant beyond the outermost ones.

  Returns:
    float32 [..., H, W]; values are copied or interpolated, not divided by the
    number of pixels.

  Raises:
    ConfigError: there is no such method.
  """
  errors.choice('method', method, METHODS)
  if method == 'nearest':
    rows, columns = (np.diff(borders) for borders in edges(grid))
    tall = np.repeat(np.asarray(maps, np.float32), rows, axis=-2)
    return np.repeat(tall, columns, axis=-1)
  height, width = grid.frame
  return grids.interpolate(
    maps, grid.rows / height, grid.columns / width, grid.frame
  ).astype(np.float32)


def to_draw(maps: np.ndarray, grid: Grid) -> np.ndarray:
  """Maps over a network's cells as finer ones that share the screen evenly.

  A network's cells do not: the outermost ones may lie partly beyond it. Drawing
  spreads maps evenly; these, twice as fine, come out where the cells are.
  Weights are interpolated and sum to something else.

  Args:
    maps: float [n, ..., h, w].
    grid: of these cells.

  Returns:
    float64 [n, ..., 2 h, 2 w].
  """
  height, width = maps.shape[-2:]
  parts = [
    grids.cell_means(resize(some, grid, 'bilinear'), (2 * height, 2 * width))
    for some in np.array_split(maps, max(1, len(maps) // 100))
  ]
  return np.concatenate(parts)


def share(mask: np.ndarray, grid: Grid) -> np.ndarray:
  """How much of each cell's rectangle a mask covers.

  Args:
    mask: bool or float [..., H, W], float values in [0, 1].
    grid: of the cells.

  Returns:
    float32 [..., h, w]; 0 for a cell without a pixel.
  """
  rows, columns = (_averaging(borders) for borders in edges(grid))
  return rows @ np.asarray(mask, np.float32) @ columns.T


def centre_of_mass(maps: np.ndarray, grid: Grid) -> np.ndarray:
  """The mean position of a distribution over cells.

  Args:
    maps: float [..., h, w], sums to 1 over cells.
    grid: of these cells.

  Returns:
    float64 [..., 2], row and column in pixels of the frame.
  """
  maps = np.asarray(maps, np.float64)
  return np.stack(
    [maps.sum(axis=-1) @ grid.rows, maps.sum(axis=-2) @ grid.columns], axis=-1
  )


def _centres(size: int, layers: sizes.Convolutions) -> np.ndarray:
  first, pitch = 0.5, 1
  for kernel, stride in zip(layers.kernels, layers.strides, strict=True):
    if layers.padding == 'SAME':
      out = -(-size // stride)
      before = max((out - 1) * stride + kernel - size, 0) // 2
    else:
      out, before = (size - kernel) // stride + 1, 0
    first += pitch * ((kernel - 1) / 2 - before)
    pitch, size = pitch * stride, out
  return first + pitch * np.arange(size)


def _averaging(borders: np.ndarray) -> np.ndarray:
  """Weights float32 [cells, size]: of the pixels of a cell, 1 over them."""
  pixels = np.arange(borders[-1])
  inside = (pixels >= borders[:-1, None]) & (pixels < borders[1:, None])
  counts = np.maximum(np.diff(borders), 1)
  return (inside / counts[:, None]).astype(np.float32)
