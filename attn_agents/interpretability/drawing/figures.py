"""What all figures share: sizes, fonts, colours, and how they are saved.

The figures of an analysis are in its `figure.py`. They take plain arrays, so
that a notebook can call them, and return a Matplotlib `Figure`, which a
notebook shows and `png` turns into bytes.

Sizes are those of the printed page: no text is below 9 points on one whose text
is 17 cm wide. Colours are told apart with any kind of colour vision, and lines
by their style, too.
"""

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import overlays

P = ParamSpec('P')
R = TypeVar('R')

WIDTH = 6.75
FONT_SIZE = 9
_DPI = 150
_STYLE = {
  'font.size': FONT_SIZE,
  'axes.titlesize': FONT_SIZE + 1,
  'axes.labelsize': FONT_SIZE,
  'xtick.labelsize': FONT_SIZE,
  'ytick.labelsize': FONT_SIZE,
  'legend.fontsize': FONT_SIZE,
  'figure.titlesize': FONT_SIZE + 1,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'legend.frameon': False,
  'image.interpolation': 'nearest',
}
# Of Okabe and Ito, those that are seen on white.
_LINES = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00')
_DASHES = ('-', '--', '-.', ':')
_BASELINE = '#6b6b6b'


def styled(function: Callable[P, R]) -> Callable[P, R]:
  """Makes a function draw in the style of all figures."""

  @functools.wraps(function)
  def draw(*args: P.args, **kwargs: P.kwargs) -> R:
    with matplotlib.rc_context(_STYLE):
      return function(*args, **kwargs)

  return draw


def new(
  rows: int,
  columns: int,
  height: float,
  width: float = WIDTH,
  **options: Any,
) -> tuple[figure_lib.Figure, np.ndarray]:
  """A figure and its axes, an object array [rows, columns].

  Args:
    rows: of axes.
    columns: of axes.
    height: of the figure, inches.
    width: of the figure, inches.
    **options: of `Figure.subplots`.
  """
  figure = figure_lib.Figure(figsize=(width, height), layout='constrained')
  return figure, figure.subplots(rows, columns, squeeze=False, **options)


def png(figure: figure_lib.Figure) -> bytes:
  """The figure as a PNG, for a file or a report."""
  buffer = io.BytesIO()
  figure.savefig(buffer, format='png', dpi=_DPI)
  return buffer.getvalue()


def show(axes: axes_lib.Axes, picture: np.ndarray, title: str = '') -> None:
  """Draws uint8 [H, W, 3] without ticks."""
  axes.imshow(picture)
  axes.set(xticks=[], yticks=[])
  # White pictures would have no edge on white.
  axes.spines[:].set(visible=True, color='0.75', linewidth=0.6)
  if title:
    axes.set_title(title)


def grid_height(
  rows: float, columns: float, shape: Sequence[int], extra: float = 0.4
) -> float:
  """The height at which pictures [H, W, ...] fill the width, inches."""
  return extra + rows * (WIDTH / columns) * shape[0] / shape[1] * 1.02


@styled
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
  figure, axes = new(rows, columns, grid_height(rows, columns + 0.6, shape))
  for row, (row_pictures, name) in enumerate(zip(pictures, names, strict=True)):
    for column, picture in enumerate(row_pictures):
      show(axes[row, column], picture)
    axes[row, 0].set_ylabel(name)
  if times is not None:
    for panel, time in zip(axes[0], times, strict=True):
      panel.set_title(f'{time:.1f} s')
  return figure


def lines(
  axes: axes_lib.Axes,
  x: np.ndarray,
  curves: Mapping[str, np.ndarray],
  baselines: Sequence[str] = (),
) -> None:
  """One line for each name, [K]; baselines are grey and not solid."""
  for number, (name, values) in enumerate(curves.items()):
    baseline = name in baselines
    dash = 1 + baselines.index(name) % 3 if baseline else number // len(_LINES)
    axes.plot(
      x,
      values,
      color=_BASELINE if baseline else curve_colour(name, number),
      linestyle=_DASHES[dash % len(_DASHES)],
      label=name,
    )


def curve_colour(name: str, number: int) -> Any:
  """Of a head the colour it has everywhere, else that of a number, from 0."""
  names = head_names(len(overlays.HEAD_COLOURS))
  if name in names:
    return head_colour(names.index(name))
  return _LINES[number % len(_LINES)]


def head_colour(head: int) -> tuple[float, float, float]:
  """`overlays.head_colour` as Matplotlib takes it."""
  red, green, blue = overlays.head_colour(head)
  return red / 255, green / 255, blue / 255


def head_names(count: int) -> list[str]:
  """What heads are called, from 1."""
  return [f'head {head + 1}' for head in range(count)]
