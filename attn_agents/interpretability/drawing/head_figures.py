"""What the heads of an agent attend to, in the layouts of the S3TA paper."""

from collections.abc import Sequence

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures, overlays

# Of `weights`, in inches: depth of the sums' bars, and what is around a map.
_SUMS, _SPACE, _TITLE, _FOOT = 0.32, 0.3, 0.28, 0.3


@figures.styled
def heads(
  frames: np.ndarray,
  attention: np.ndarray,
  times: Sequence[float] | None = None,
) -> figure_lib.Figure:
  """Frames and below them what each head attends to (Fig. 2 and 4).

  Args:
    frames: uint8 [T, H, W, 3], about 6 moments, in time from left to right.
    attention: [T, heads, h, w] at them.
    times: of the moments, seconds into the game; None writes none.
  """
  pictures = [list(frames)]
  for head in range(attention.shape[1]):
    colour = overlays.head_colour(head)
    pictures.append(
      [
        overlays.spotlight(frame, maps[head : head + 1], [colour])
        for frame, maps in zip(frames, attention, strict=True)
      ]
    )
  names = ['game', *figures.head_names(attention.shape[1])]
  return strip(pictures, names, times)


@figures.styled
def what_where(
  frames: np.ndarray,
  maps: np.ndarray,
  times: Sequence[float] | None = None,
) -> figure_lib.Figure:
  """Frames and below them each head's what/where map (Fig. 6).

  Each head has a scale of its own over all moments, which is written beside it:
  the maps hold the attention weights as a factor, so those of a diffuse head
  are small.

  Args:
    frames: uint8 [T, H, W, 3], about 6 moments.
    maps: C of Eq. 11 at them, [T, heads, h, w], in [-ln 10, ln 10].
    times: see `heads`.
  """
  limits = np.abs(maps).max(axis=(0, 2, 3))
  pictures = [list(frames)] + [
    [
      overlays.what_where(moment[head], frames.shape[1:3], limit=limit)
      for moment in maps
    ]
    for head, limit in enumerate(limits)
  ]
  names = ['game'] + [
    f'{name}\n±{limit:.2g}'
    for name, limit in zip(figures.head_names(len(limits)), limits, strict=True)
  ]
  figure = strip(pictures, names, times)
  figure.supxlabel(
    'red: what, the content asked for · blue: where, the place asked for · '
    'white: neither',
    fontsize=figures.FONT_SIZE,
  )
  return figure


@figures.styled
def strip(
  pictures: Sequence[Sequence[np.ndarray]],
  names: Sequence[str],
  times: Sequence[float] | None = None,
) -> figure_lib.Figure:
  """Rows of pictures, time from left to right.

  Args:
    pictures: uint8 [H, W, 3], for each row one for each moment.
    names: of the rows.
    times: of the moments, seconds; None writes none.
  """
  rows, columns = len(pictures), len(pictures[0])
  shape = pictures[0][0].shape
  figure, axes = figures.new(
    rows, columns, figures.grid_height(rows, columns + 0.6, shape)
  )
  for row, (row_pictures, name) in enumerate(zip(pictures, names, strict=True)):
    for column, picture in enumerate(row_pictures):
      figures.show(axes[row, column], picture)
    axes[row, 0].set_ylabel(name)
  if times is not None:
    for panel, time in zip(axes[0], times, strict=True):
      panel.set_title(f'{time:.1f} s')
  return figure


@figures.styled
def weights(frame: np.ndarray, attention: np.ndarray) -> figure_lib.Figure:
  """Each head's weights with their row and column sums (Fig. 10).

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
