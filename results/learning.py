"""Tables of what was learned and played, from the files in `results/`."""

import csv
import json
import pathlib

from attn_agents.evaluation import scores
from attn_agents.reporting import tables

_HERE = pathlib.Path(__file__).parent


def chance() -> str:
  """The random policy beside the random scores that papers print."""
  rows: dict[str, list[str]] = {}
  for path in sorted(_HERE.glob('chance/*/*/summary.json')):
    summary = json.loads(path.read_text())
    game = summary['evaluated_game']
    printed, _ = scores.references(game)
    mean, error = summary['mean'], summary['standard_error']
    away = f' ({(mean - printed) / error:+.1f})' if error else ''
    rows.setdefault(game, [game, f'{printed:g}']).append(
      f'{mean:.2f} ± {error:.2f}{away}'
    )
  columns = (
    'game', 'printed', 'an action each 4 frames', 'an action each 6 frames'
  )  # fmt: skip
  return tables.markdown((columns, list(rows.values())))


def catch() -> str:
  """Agent steps until each agent played Catch, by algorithm."""
  with (_HERE / 'catch.csv').open() as file:
    columns, *rows = csv.reader(file)
  columns = ['', *(f'`{name}`' for name in columns[1:])]
  cells = [
    [f'`{agent}`', *(f'{int(steps):,}' if steps else '' for steps in row)]
    for agent, *row in rows
  ]
  return tables.markdown((columns, cells))
