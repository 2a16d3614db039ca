"""Tables of scores as CSV and Markdown."""

import csv
import math
import pathlib
import statistics
from collections.abc import Sequence

from attn_agents.evaluation import scores
from attn_agents.evaluation.reporting import aggregates, published, runs

_SCORE_COLUMNS = (
  'game', 'agent', 'runs', 'frames', 'episodes', 'return_mean',
  'return_deviation', 'human_normalised', 'published_normalised',
  'published_return',
)  # fmt: skip
_AGGREGATE_COLUMNS = (
  'agent', 'games', 'runs_per_game', 'convention', 'statistic', 'value',
  'low_95', 'high_95',
)  # fmt: skip
_UNKNOWN = ''

Table = tuple[Sequence[str], list[list[str]]]


def per_game(results: Sequence[runs.RunResult]) -> Table:
  """A row for each game and agent, over its seeds.

  `return_deviation` is the standard deviation between runs, not of episodes;
  normalised scores are of the mean return, 1 is human.
  """
  rows = []
  for game, label, group in _grouped(results):
    means = [_mean(run) for run in group]
    first = group[0]
    mean = statistics.fmean(means)
    printed = published.raw(first.agent, first.algorithm, game)
    rows.append([
      game, label, str(len(group)),
      f'{statistics.fmean(run.frames for run in group):.0f}',
      str(sum((run.summary or {})['episodes'] for run in group)),
      f'{mean:.2f}',
      f'{statistics.stdev(means):.2f}' if len(means) > 1 else _UNKNOWN,
      f'{scores.human_normalised(game, mean):.3f}'
      if scores.has_references(game) else _UNKNOWN,
      ', '.join(
        f'{value:.3f} ({name})'
        for name, value in published.normalised(first.agent, game).items()
        if first.algorithm == 'vtrace'
      ) or _UNKNOWN,
      f'{printed[0]:.2f} ± {printed[1]:.2f} (DRARL)' if printed else _UNKNOWN,
    ])  # fmt: skip
  return _SCORE_COLUMNS, rows


def over_games(results: Sequence[runs.RunResult]) -> Table:
  """Aggregates of each agent, over the games that all agents have."""
  by_label: dict[str, dict[str, list[runs.RunResult]]] = {}
  for game, label, group in _grouped(results):
    if scores.has_references(game):
      by_label.setdefault(label, {})[game] = group
  if not by_label:
    return _AGGREGATE_COLUMNS, []
  common = sorted(set.intersection(*(set(g) for g in by_label.values())))
  rows = []
  for label, groups in by_label.items() if common else ():
    for convention in scores.CONVENTIONS:
      found = aggregates.aggregate(
        {
          game: [
            scores.human_normalised(game, _mean(run), convention)
            for run in groups[game]
          ]
          for game in common
        }
      )
      count = min(len(groups[game]) for game in common)
      rows += [
        [label, str(len(common)), str(count), convention, name,
         *(_number(x) for x in (e.value, e.low, e.high))]
        for name, e in found.items()
      ]  # fmt: skip
  return _AGGREGATE_COLUMNS, rows


def write_csv(path: pathlib.Path, table: Table) -> None:
  """The table as CSV."""
  with path.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(table[0])
    writer.writerows(table[1])


def markdown(table: Table) -> str:
  """The table as Markdown."""
  lines = [table[0], ['---'] * len(table[0]), *table[1]]
  return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _grouped(
  results: Sequence[runs.RunResult],
) -> list[tuple[str, str, list[runs.RunResult]]]:
  """(game, label, runs) of the runs that were evaluated."""
  groups: dict[tuple[str, str], list[runs.RunResult]] = {}
  for run in sorted(results, key=lambda r: r.seed):
    if run.summary is not None:
      groups.setdefault((run.game, run.label), []).append(run)
  return [(*key, group) for key, group in sorted(groups.items())]


def _mean(run: runs.RunResult) -> float:
  assert run.summary is not None
  return float(run.summary['mean'])


def _number(value: float) -> str:
  return _UNKNOWN if math.isnan(value) else f'{value:.3f}'
