"""Tables and figures of what was learned and played, from `results/`."""

import csv
import json
import pathlib

from attn_agents.evaluation import scores
from attn_agents.reporting import curves, runs, tables

_HERE = pathlib.Path(__file__).parent

# Mean returns that S3TA is to reach within an hour; Catch, in two minutes.
_TARGETS = {'catch': 0.95, 'pong': 15.0, 'boxing': 50.0, 'breakout': 30.0}


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


def trained() -> str:
  """Runs on two cores: what they were scored, beside what was aimed at."""
  rows = []
  for run in _runs():
    summary = run.summary
    if summary is None:
      raise ValueError(f'{run.path} has no evaluation')
    mean, error = summary['mean'], summary['standard_error']
    target = _TARGETS.get(run.game) if run.agent == 's3ta' else None
    verdict = ''
    if target is not None:
      verdict = f'{target:g}, {"met" if mean >= target else "missed"}'
    rows.append([
      run.game, f'`{run.agent}`', f'`{run.algorithm}`', str(run.seed),
      f'{run.seconds / 60:.0f}', f'{run.frames / 1e6:.1f}',
      f'{mean:.1f} ± {error:.1f} ({summary["episodes"]})', verdict,
    ])  # fmt: skip
  columns = (
    'game', 'agent', 'algorithm', 'seed', 'minutes', 'frames, M',
    'mean return ± its error (games)', 'target',
  )  # fmt: skip
  return tables.markdown((columns, rows))


def draw_trained(path: pathlib.Path) -> None:
  """Learning curves of the same runs over wall time, as a PNG."""
  curves.draw(path, _runs(), 'seconds')


def _runs() -> list[runs.RunResult]:
  found = [
    runs.read(path, protocol='noop', policy='sampled')
    for path in runs.find([str(_HERE / 'small')])
  ]
  return sorted(found, key=lambda x: (x.game, x.agent, x.algorithm, x.seed))
