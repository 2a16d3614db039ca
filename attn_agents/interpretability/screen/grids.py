"""Maps over the cells of an image: from cells to pixels and back.

Cells share the image evenly, as the papers' pictures have it, which are maps
resized to the frame: cell i of n spans i / n to (i + 1) / n of an axis.
"""

import numpy as np

from attn_agents.interpretability.recordings import agent_view


def centres(count: int) -> np.ndarray:
  """Where cells or pixels are along an axis, as fractions of it, [count]."""
  return (np.arange(count) + 0.5) / count


def interpolate(
  maps: np.ndarray, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
  """Bilinear interpolation to the pixels of an image.

  Args:
    maps: float [..., h, w].
    rows: where the maps' rows are, ascending fractions of the height, [h].
    columns: likewise of the width, [w].
    size: height and width of the image in pixels.

  Returns:
    float64 [..., height, width]; beyond the outermost rows and columns as
    there.
  """
  height, width = size
  return (
    _weights(rows, height)
    @ np.asarray(maps, float)
    @ _weights(columns, width).T
  )


def upsample(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """`interpolate` for cells [..., h, w] that share the image evenly."""
  return interpolate(
    maps, centres(maps.shape[-2]), centres(maps.shape[-1]), size
  )


def cell_means(images: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
  """Means over the area of each cell.

  Args:
    images: float [..., height, width].
    cells: h and w.

  Returns:
    float64 [..., h, w].
  """
  return (
    agent_view.area_weights(images.shape[-2], cells[0])
    @ np.asarray(images, float)
    @ agent_view.area_weights(images.shape[-1], cells[1]).T
  )


def expand(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Gives each pixel the value of the cell its centre is in.

  Args:
    maps: [..., h, w].
    size: height and width of the image in pixels.

  Returns:
    [..., height, width], of the maps' dtype.
  """
  rows, columns = (
    (centres(pixels) * cells).astype(int)
    for pixels, cells in zip(size, maps.shape[-2:], strict=True)
  )
  return maps[..., rows[:, None], columns]


def _weights(positions: np.ndarray, count: int) -> np.ndarray:
  """The share of each position in each of `count` pixels, [count, n]."""
  shares = [
    np.interp(centres(count), positions, one) for one in np.eye(len(positions))
  ]
  return np.stack(shares, axis=1)
