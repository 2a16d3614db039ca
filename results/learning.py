"""Tables and figures of what was learned and played, from `results/`."""

import bisect
import csv
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from attn_agents.evaluation import scores
from attn_agents.evaluation.reporting import curves, run_results, tables
from configs import overrides

_HERE = pathlib.Path(__file__).parent

# Whose settings the runs of a folder have.
_SETTINGS = {'small': "today's", 'earlier': 'earlier'}
# What a run has whose section lacks a field that is younger than it.
_MISSING = {
  path.partition('.')[2]: value
  for path, value in overrides.YOUNGER.items()
  if path.startswith('learning.')
}
# Mean returns that S3TA is to reach within an hour; Catch, in two minutes.
_TARGETS = {'catch': 0.95, 'pong': 15.0, 'boxing': 50.0, 'breakout': 30.0}


def chance() -> str:
  """The random policy beside the random scores that papers print."""
  rows: dict[str, dict[str, str]] = {}
  for path in sorted(_HERE.glob('chance/*/*/summary.json')):
    summary = json.loads(path.read_text())
    game = summary['evaluated_game']
    printed, _ = scores.references(game)
    mean, error = summary['mean'], summary['standard_error']
    away = f' ({(mean - printed) / error:+.1f})' if error else ''
    row = rows.setdefault(game, {'game': game, 'printed': f'{printed:g}'})
    frames = summary['action_repeat']
    row[f'an action each {frames} frames'] = f'{mean:.2f} ± {error:.2f}{away}'
  return tables.markdown(tables.from_rows(list(rows.values())))


def chance_of(game: str) -> str:
  """The mean return of the random policy that acts as agents do."""
  path = _HERE / 'chance' / '4_frames' / game / 'summary.json'
  return f'{json.loads(path.read_text())["mean"]:.1f}'


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
  """S3TA's scores on two cores, beside the targets."""
  rows = []
  for folder, settings in _SETTINGS.items():
    for run in _runs(folder):
      target = _TARGETS.get(run.game)
      if run.agent != 's3ta' or target is None:
        continue
      mean = _summary(run)['mean']
      rows.append(
        {
          'game': run.game,
          'algorithm': f'`{run.algorithm}`',
          'settings': settings,
          'seed': str(run.seed),
          'minutes': f'{run.seconds / 60:.0f}',
          'frames, M': f'{_summary(run)["frames"] / 1e6:.1f}',
          'mean return ± its error (games)': _score(run),
          'target': f'{target:g}, {"met" if mean >= target else "missed"}',
        }
      )
  return tables.markdown(tables.from_rows(rows))


def side_by_side() -> str:
  """Agents after the same wall time, by game and settings of learning."""
  groups: dict[tuple[str, ...], list[run_results.RunResult]] = {}
  for folder in _SETTINGS:
    for run in _runs(folder):
      config = json.loads((run.path / 'config.json').read_text())['config']
      learning = json.dumps(
        [_MISSING | config['learning'], config['optimizer']], sort_keys=True
      )
      groups.setdefault((folder, run.game, learning), []).append(run)
  rows = []
  for group in groups.values():
    if len({run.agent for run in group}) == 1:
      continue
    last = int(min(run.seconds for run in group) // 60)
    for run in group:
      index = _index(run.training.frames, _summary(run)['frames'])
      minutes = run.training.seconds[index] / 60
      rows.append(
        {
          'game': run.game,
          'run': f'[`{run.agent}`](../{run.path.relative_to(_HERE.parent)})',
          'seed': str(run.seed),
          'last 100 games of training, halfway': _after(run, last // 2),
          'at the end of the shortest run': _after(run, last),
          'whole games, last checkpoint': f'{_score(run)}, '
          f'of {minutes:.0f} minutes',
        }
      )
  return tables.markdown(tables.from_rows(rows))


def draw_small(path: pathlib.Path) -> None:
  """Learning curves of `small` over wall time, as a PNG."""
  curves.draw(path, _runs('small'), 'seconds')


def draw_earlier(path: pathlib.Path) -> None:
  """The same of runs with earlier settings."""
  curves.draw(path, _runs('earlier'), 'seconds')


def _after(run: run_results.RunResult, minutes: int) -> str:
  """What training had reached by then."""
  frames, value = _at(run.training, minutes * 60)
  return f'{value:.1f} after {minutes} minutes, {frames / 4e6:.2f} M steps'


def _at(curve: run_results.Curve, seconds: float) -> tuple[float, float]:
  """The frames and the mean return that were logged last by then."""
  index = _index(curve.seconds, seconds)
  return curve.frames[index], curve.returns[index]


def _index(values: Sequence[float], limit: float) -> int:
  """The index of the last value, of ascending ones, up to a limit."""
  index = bisect.bisect_right(values, limit) - 1
  if index < 0:
    raise ValueError(f'{limit:g} is before the first game that ended')
  return index


def _score(run: run_results.RunResult) -> str:
  """The mean return of an evaluation, with its error and games."""
  summary = _summary(run)
  mean, error = summary['mean'], summary['standard_error']
  return f'{mean:.1f} ± {error:.1f} ({summary["episodes"]})'


def _summary(run: run_results.RunResult) -> Mapping[str, Any]:
  if run.summary is None:
    raise ValueError(f'{run.path} has no evaluation')
  return run.summary


def _runs(folder: str) -> list[run_results.RunResult]:
  found = [
    result
    for path in run_results.find([str(_HERE / folder)])
    for result in run_results.read(path, protocol='noop', policy='sampled')
  ]
  return sorted(found, key=lambda x: (x.game, x.agent, x.algorithm, x.seed))
