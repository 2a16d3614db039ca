"""Tables of scores as CSV and Markdown."""

import csv
import math
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence

from attn_agents.evaluation import scores
from attn_agents.evaluation.reporting import (
  aggregates,
  published,
  run_results,
)

# Names of the columns, and the cells of each row.
Table = tuple[Sequence[str], list[list[str]]]

_SCORE_COLUMNS = (
  *('game', 'agent', 'runs', 'seeds'),
  *('frames', 'episodes', 'max_episode_frames'),
  *('return_mean', 'return_deviation', 'human_normalised'),
  *('published_normalised', 'published_return'),
)
_AGGREGATE_COLUMNS = (
  *('agent', 'games', 'runs_per_game', 'convention'),
  *('statistic', 'value', 'low_95', 'high_95'),
)
_UNKNOWN = ''


def per_game(results: Sequence[run_results.RunResult]) -> Table:
  """A row for each game and agent, over its seeds.

  `frames` are those of the checkpoints that were scored, however long training
  went on, the least and the most if they differ. `return_deviation` is the
  standard deviation between runs, not of episodes; normalised scores are of the
  mean return, 1 is human.
  """
  return _SCORE_COLUMNS, [_score_row(*group) for group in _grouped(results)]


def over_games(results: Sequence[run_results.RunResult]) -> Table:
  """Aggregates of each agent, over the games that all agents have.

  All runs of these games count, and all games weigh the same.
  """
  by_label: dict[str, dict[str, list[run_results.RunResult]]] = {}
  for game, label, group in _grouped(results):
    if scores.has_references(game):
      by_label.setdefault(label, {})[game] = group
  if not by_label:
    return _AGGREGATE_COLUMNS, []
  common = sorted(set.intersection(*(set(g) for g in by_label.values())))
  rows = []
  for label, groups in by_label.items() if common else ():
    for convention in scores.CONVENTIONS:
      normalised = {
        game: [
          scores.human_normalised(game, _mean(run), convention)
          for run in groups[game]
        ]
        for game in common
      }
      capped = {
        game: [min(1.0, value) for value in values]
        for game, values in normalised.items()
      }
      estimates = aggregates.aggregate(normalised)
      estimates['mean_capped'] = aggregates.aggregate(capped)['mean']
      for name, found in estimates.items():
        numbers = map(_number, (found.value, found.low, found.high))
        counts = (str(len(common)), _range(map(len, normalised.values())))
        rows.append([label, *counts, convention, name, *numbers])
  return _AGGREGATE_COLUMNS, rows


def left_out(results: Sequence[run_results.RunResult]) -> list[str]:
  """A line for each game that is in no aggregate, with the reason."""
  having: dict[str, list[str]] = {}
  for game, label, _ in _grouped(results):
    having.setdefault(game, []).append(label)
  labels = {
    label
    for game, found in having.items()
    if scores.has_references(game)
    for label in found
  }
  lines = []
  for game, found in having.items():
    lacking = sorted(labels - set(found))
    if not scores.has_references(game):
      lines.append(f'{game} is in no aggregate: it has no human score')
    elif lacking:
      lines.append(
        f'{game} is in no aggregate: it has no score of {", ".join(lacking)}'
      )
  return lines


def write_csv(path: pathlib.Path, table: Table) -> None:
  """The table as CSV."""
  with path.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(table[0])
    writer.writerows(table[1])


def from_rows(rows: Sequence[Mapping[str, str]]) -> Table:
  """A table of rows whose cells have the names of their columns.

  Args:
    rows: at least one; all have the same columns.
  """
  return list(rows[0]), [list(row.values()) for row in rows]


def markdown(table: Table) -> str:
  """The table as Markdown."""
  lines = [table[0], ['---'] * len(table[0]), *table[1]]
  return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _score_row(
  game: str, label: str, group: Sequence[run_results.RunResult]
) -> list[str]:
  means = [_mean(run) for run in group]
  mean = statistics.fmean(means)
  summaries = [run.summary for run in group if run.summary is not None]
  episodes = sum(summary['episodes'] for summary in summaries)
  # The same for all, since only such evaluations are read.
  cap = summaries[0]['max_episode_frames']
  deviation = f'{statistics.stdev(means):.2f}' if len(means) > 1 else _UNKNOWN
  normalised = _UNKNOWN
  if scores.has_references(game):
    normalised = f'{scores.human_normalised(game, mean):.3f}'
  return [
    *(game, label, str(len(group)), ' '.join(str(run.seed) for run in group)),
    _range(summary['frames'] for summary in summaries),
    *(str(episodes), str(cap)),
    *(f'{mean:.2f}', deviation, normalised),
    *(_published_normalised(group[0]), _published_return(group[0])),
  ]


def _published_normalised(run: run_results.RunResult) -> str:
  if run.algorithm not in published.V_TRACE:
    return _UNKNOWN
  of_many = bool(run.trained_on)
  found = published.normalised(run.agent, run.game, of_many)
  return ', '.join(f'{value:.3f} ({name})' for name, value in found.items())


def _published_return(run: run_results.RunResult) -> str:
  if run.trained_on:
    return _UNKNOWN
  found = published.raw(run.agent, run.algorithm, run.game)
  return f'{found[0]:.2f} ± {found[1]:.2f} (DRARL)' if found else _UNKNOWN


def _grouped(
  results: Sequence[run_results.RunResult],
) -> list[tuple[str, str, list[run_results.RunResult]]]:
  """(game, label, runs) of the runs that were evaluated."""
  groups: dict[tuple[str, str], list[run_results.RunResult]] = {}
  for run in sorted(results, key=lambda r: r.seed):
    if run.summary is not None:
      groups.setdefault((run.game, run.label), []).append(run)
  return [(*key, group) for key, group in sorted(groups.items())]


def _mean(run: run_results.RunResult) -> float:
  assert run.summary is not None
  return float(run.summary['mean'])


def _range(numbers: Iterable[int]) -> str:
  """'3', or '1 to 10' if they differ."""
  numbers = list(numbers)
  low, high = min(numbers), max(numbers)
  return str(low) if low == high else f'{low} to {high}'


def _number(value: float) -> str:
  return _UNKNOWN if math.isnan(value) else f'{value:.3f}'
