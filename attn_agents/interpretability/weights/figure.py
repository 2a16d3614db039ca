"""Weights of each head with their row and column sums (S3TA, Fig. 10)."""

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures

# Inches: depth of the bars of the sums, and the space around a map.
_SUMS, _SPACE, _TITLE, _FOOT = 0.32, 0.3, 0.28, 0.3


@figures.styled
def draw(frame: np.ndarray, attention: np.ndarray) -> figure_lib.Figure:
  """Each head's weights with their row and column sums .

  Args:
    frame: uint8 [H, W, 3].
    attention: [heads, h, w]; each head's weights sum to 1.
  """
  count = len(attention)
  columns = min(count, 4)
  rows = -(-count // columns)
  # Inches: the game and the maps, then what surrounds them.
  map_width = (figures.WIDTH - 0.1) / (columns + 1) - _SUMS - _SPACE
  map_height = map_width * frame.shape[0] / frame.shape[1]
  row_height = _TITLE + _SUMS + map_height + _FOOT
  height = rows * row_height
  figure = figure_lib.Figure(figsize=(figures.WIDTH, height))

  def add(left: float, top: float, wide: float, high: float) -> axes_lib.Axes:
    """Axes by their place from the upper left, in inches."""
    bottom = height - top - high
    x, width = left / figures.WIDTH, wide / figures.WIDTH
    return figure.add_axes((x, bottom / height, width, high / height))

  game = add(0.1, _TITLE + _SUMS, map_width + _SUMS, map_height)
  figures.show(game, frame, 'game')
  game.set_anchor('NW')
  for head, values in enumerate(attention):
    left = (1 + head % columns) * (map_width + _SUMS + _SPACE) + _SPACE / 2
    top = head // columns * row_height + _TITLE
    _sums(
      values,
      add(left, top, map_width, _SUMS),
      add(left, top + _SUMS, map_width, map_height),
      add(left + map_width, top + _SUMS, _SUMS, map_height),
      figures.head_colour(head),
    )
    figure.axes[-3].set_title(figures.head_names(count)[head])
  return figure


def _sums(
  values: np.ndarray,
  above: axes_lib.Axes,
  centre: axes_lib.Axes,
  beside: axes_lib.Axes,
  colour: tuple[float, float, float],
) -> None:
  """One head: column sums above the map, row sums to its right."""
  height, width = values.shape
  above.bar(np.arange(width), values.sum(axis=0), width=1, color=colour)
  above.set(xlim=(-0.5, width - 0.5), ylim=(0, 1), xticks=[], yticks=[0, 1])
  beside.barh(np.arange(height), values.sum(axis=1), height=1, color=colour)
  beside.set(ylim=(height - 0.5, -0.5), xlim=(0, 1), yticks=[], xticks=[0, 1])
  centre.imshow(values, cmap='gray', vmin=0, aspect='auto')
  centre.set(xticks=[], yticks=[])
  centre.set_xlabel(f'max {values.max():.2f}', labelpad=5)
