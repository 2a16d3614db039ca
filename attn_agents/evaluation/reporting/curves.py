"""Learning curves: return over frames or wall time, one panel per game."""

import itertools
import math
import pathlib
from collections.abc import Sequence
from typing import Literal

import matplotlib
import numpy as np
from matplotlib import figure as figures

from attn_agents.evaluation.reporting import run_results

_POINTS = 200
_PANEL = (4.2, 3.0)
_LABELS = {'frames': 'emulator frames', 'seconds': 'wall time (minutes)'}


def draw(
  path: pathlib.Path,
  results: Sequence[run_results.RunResult],
  over: Literal['frames', 'seconds'],
) -> None:
  """Draws all runs into one PNG.

  Thin lines are runs; a thick line is the mean of all runs with one label, as
  far as all of them go. Dots are evaluations beside training.

  Args:
    path: of the PNG.
    results: the runs, at least one.
    over: the horizontal axis.
  """
  games = sorted({run.game for run in results})
  labels = sorted({run.label for run in results})
  columns = min(3, len(games))
  height = math.ceil(len(games) / columns)
  drawing = figures.Figure(
    figsize=(_PANEL[0] * columns, _PANEL[1] * height), layout='constrained'
  )
  panels = list(drawing.subplots(height, columns, squeeze=False).flat)
  cycle = itertools.cycle(matplotlib.color_sequences['tab10'])
  colours = dict(zip(labels, cycle, strict=False))
  for panel, game in zip(panels, games, strict=False):
    panel.set_title(game)
    panel.set_xlabel(_LABELS[over])
    panel.set_ylabel('return, mean of 100 games')
    for label in labels:
      group = [r for r in results if (r.game, r.label) == (game, label)]
      _draw_group(panel, group, over, colours[label])
    panel.grid(alpha=0.3)
  for panel in panels[len(games) :]:
    panel.set_axis_off()
  handles = [
    matplotlib.lines.Line2D([], [], color=colours[x], label=x) for x in labels
  ]
  drawing.legend(handles=handles, loc='outside upper center', ncols=4)
  drawing.savefig(path, dpi=110)


def mean_curve(
  curves: Sequence[tuple[Sequence[float], Sequence[float]]],
) -> tuple[np.ndarray, np.ndarray]:
  """The mean of several curves (x, y), where all of them are defined.

  Each is interpolated linearly; both arrays are empty if they share no x.
  """
  low = max(min(x) for x, _ in curves)
  high = min(max(x) for x, _ in curves)
  if low >= high:
    return np.empty(0), np.empty(0)
  grid = np.linspace(low, high, _POINTS)
  return grid, np.mean([np.interp(grid, x, y) for x, y in curves], axis=0)


def _draw_group(
  panel: 'matplotlib.axes.Axes',
  group: Sequence[run_results.RunResult],
  over: Literal['frames', 'seconds'],
  colour: object,
) -> None:
  scale = 1 / 60 if over == 'seconds' else 1.0

  def points(curve: run_results.Curve) -> tuple[list[float], tuple[float, ...]]:
    return [scale * x for x in getattr(curve, over)], curve.returns

  lines = [points(run.training) for run in group if run.training.returns]
  for line in lines:
    panel.plot(*line, color=colour, linewidth=0.7, alpha=0.6)
  if len(lines) > 1:
    panel.plot(*mean_curve(lines), color=colour, linewidth=2)
  for run in group:
    panel.plot(*points(run.evaluation), 'o', color=colour, markersize=3)
