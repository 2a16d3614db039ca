"""The training curve of an exported agent: a table and a figure."""

import csv
import io
import pathlib

import numpy as np

from attn_agents.interpretability.drawing import figures
from attn_agents.utils import metrics_table
from configs import errors

# Of metrics.csv, besides the mean returns.
_COLUMNS = ('frames', 'agent_steps', 'wall_time', 'episodes')
_RETURN = 'episode_return_mean'
_MOST_ROWS = 500
_HEIGHT = 2.6


def table(metrics: pathlib.Path) -> bytes:
  """training_curve.csv of a run: some columns and rows of its metrics.csv.

  Raises:
    ConfigError: there is no such table, or no row of it is complete.
  """
  rows = require_table(metrics)
  names = [
    *(name for name in _COLUMNS if name in rows[0]),
    *(name for name in rows[0] if name.startswith(_RETURN)),
  ]
  places = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS))
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(names)
  for place in np.rint(places).astype(int):
    row = rows[place]
    writer.writerow(
      ['' if np.isnan(row[name]) else f'{row[name]:.10g}' for name in names]
    )
  return text.getvalue().encode()


@figures.styled
def draw(metrics: pathlib.Path, title: str) -> bytes:
  """training_curve.png: the mean return of training's games by frames."""
  rows = require_table(metrics)
  figure, axes = figures.new(1, 1, _HEIGHT)
  panel = axes[0, 0]
  frames = np.array([row['frames'] for row in rows])
  names = [name for name in rows[0] if name.startswith(_RETURN)]
  figures.lines(
    panel,
    frames,
    {name: np.array([row[name] for row in rows]) for name in names},
  )
  panel.set(xlabel='frames', ylabel='mean return', title=title)
  if len(names) > 1:
    panel.legend()
  return figures.png(figure)


def require_table(path: pathlib.Path) -> list[metrics_table.Row]:
  """The rows of a table with frames and mean returns, at least one.

  Raises:
    ConfigError: it is no such table.
  """
  rows = metrics_table.read(path)
  if not rows or not {'frames', _RETURN} <= set(rows[0]):
    raise errors.ConfigError(
      f'{path} is missing or damaged; expected a table with frames and '
      f'{_RETURN}'
    )
  return rows
