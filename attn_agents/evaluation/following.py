"""Scores a run's checkpoints while it trains, and keeps the best of them.

Knows the run by its directory only: training saves a checkpoint every so many
frames, whoever follows takes the newest one. So it runs beside either runtime,
and a slow evaluation skips checkpoints instead of holding up the learner.
"""

import csv
import dataclasses
import io
import math
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attn_agents import experiment
from attn_agents.environments import registry as environments
from attn_agents.evaluation import (
  episodes,
  evaluator,
  protocols,
  results,
  scores,
)
from attn_agents.learning import game_columns
from attn_agents.runs import checkpoints, run_directory, saved_runs, snapshots
from attn_agents.utils import disk, metrics_table, whole_files
from configs import schema

_COLUMNS = (
  'wall_time',
  'frames',
  'agent_steps',
  'learner_steps',
  'episodes',
  'return_mean',
  'return_median',
  'return_standard_error',
  'human_normalised',
  protocols.CAP_COLUMN,
)


class Follower:
  """Writes evaluation_curve.csv and `best/` of one run."""

  def __init__(
    self,
    run: run_directory.RunDirectory,
    config: schema.Config,
    plan: evaluator.Plan,
    every_frames: int,
  ):
    """Goes on where an earlier follower of the same run ended.

    Args:
      run: the run's directory.
      config: of the run.
      plan: how to score; the same games for every checkpoint.
      every_frames: frames of training between two scores, at least.

    Raises:
      ConfigError: see `protocols.require_same_cap`.
    """
    protocols.require_same_cap(run.evaluation_curve, plan.max_episode_frames)
    self._run, self._config = run, config
    self._games = environments.members(config.environment.game)
    self._evaluator = evaluator.Evaluator(config, plan).of_game(self._games[0])
    self._spec = experiment.Experiment(config).state_spec()
    self._every_frames = every_frames
    rows = metrics_table.read(run.evaluation_curve)
    self._step = max((int(row['learner_steps']) for row in rows), default=0)
    self._due = _next(
      max((int(row['frames']) for row in rows), default=0), every_frames
    )
    self._best = max(map(_fitness, rows), default=None)
    # A row that could not be written.
    self._scored: tuple[snapshots.Snapshot, dict[str, Any]] | None = None

  def describe(self, progress: episodes.Progress) -> str:
    """One line about where an evaluation is."""
    return self._evaluator.describe(progress)

  def follow(
    self,
    should_stop: Callable[[], bool],
    progress: Callable[[episodes.Progress], None] = lambda progress: None,
  ) -> str | None:
    """Scores the newest checkpoint if one is due.

    Args:
      should_stop: asked at every row of the games.
      progress: called at every row of the games.

    Returns:
      One line about the result, None if nothing was due.

    Raises:
      StoppedError: `should_stop()` in the middle; nothing is written.
      StorageError: it cannot be written; the next call tries that again.
    """
    if self._scored is None:
      snapshot = self._newest()
      if snapshot is None or snapshot.counters.frames < self._due:
        return None
      summaries = {}
      for game in self._games:
        self._evaluator = self._evaluator.of_game(game)
        played = self._evaluator.evaluate(
          snapshot.state.params, progress=progress, should_stop=should_stop
        )
        summaries[game] = results.summarise(
          game, played, self._evaluator.spec.action_repeat
        )
      self._scored = snapshot, self._row(snapshot, summaries)
    snapshot, row = self._scored
    # The score is last: a row without its checkpoint would hide a better one.
    if self._best is None or _fitness(row) > self._best:
      self._keep(snapshot)
      self._best = _fitness(row)
    self._write(row)
    self._scored = None
    self._step = snapshot.counters.learner_steps
    self._due = _next(snapshot.counters.frames, self._every_frames)
    what = 'mean return' if len(self._games) == 1 else 'score'
    return (
      f'{snapshot.counters.frames:,} frames: {what} {_fitness(row):,.2f} '
      f'of {row["episodes"]} games, best {self._best:,.2f}'
    )

  def _newest(self) -> snapshots.Snapshot | None:
    steps = saved_runs.steps(self._run.checkpoints)
    if not steps or steps[-1] <= self._step:
      return None
    checkpointer = checkpoints.Checkpointer(self._run.checkpoints)
    try:
      return checkpointer.restore(self._spec, steps[-1])
    except (FileNotFoundError, KeyError, ValueError):
      if steps[-1] in saved_runs.steps(self._run.checkpoints):
        raise
      # Training has removed it meanwhile; there are newer ones.
      return None
    finally:
      checkpointer.close()

  def _keep(self, snapshot: snapshots.Snapshot) -> None:
    checkpointer = checkpoints.Checkpointer(self._run.best, keep=None)
    try:
      # The one there may be of a later step.
      checkpointer.save_alone(snapshot)
    finally:
      checkpointer.close()

  def _row(
    self,
    snapshot: snapshots.Snapshot,
    summaries: Mapping[str, results.Summary],
  ) -> dict[str, Any]:
    """The row of a checkpoint, from the score of each game."""
    totals = dataclasses.asdict(snapshot.counters)
    means = {game: found.mean for game, found in summaries.items()}
    row = {
      'wall_time': f'{totals["wall_time"]:.2f}',
      'frames': totals['frames'],
      'agent_steps': totals['agent_steps'],
      'learner_steps': totals['learner_steps'],
      'episodes': sum(found.episodes for found in summaries.values()),
      'return_mean': statistics.fmean(means.values()),
      protocols.CAP_COLUMN: self._evaluator.plan.max_episode_frames,
    }
    if len(summaries) > 1:
      capped = scores.mean_capped(means)
      return {
        **row,
        game_columns.CAPPED: '' if math.isnan(capped) else capped,
        **{game_columns.RETURN + game: mean for game, mean in means.items()},
      }
    (summary,) = summaries.values()
    return {
      **row,
      'return_median': summary.median,
      'return_standard_error': summary.standard_error,
      'human_normalised': summary.human_normalised.get('table', ''),
    }

  def _write(self, row: Mapping[str, Any]) -> None:
    path = self._run.evaluation_curve
    columns = _columns(path, self._games)
    text = io.StringIO(newline='')
    with disk.explaining(self._run.path), path.open('ab') as file:
      writer = csv.DictWriter(text, columns, extrasaction='ignore')
      if not path.stat().st_size:
        writer.writeheader()
      writer.writerow(row)
      whole_files.append(file.fileno(), text.getvalue().encode())


def _fitness(row: Mapping[str, Any]) -> float:
  """By what rows are compared: several games by their capped score."""
  capped = row.get(game_columns.CAPPED, '')
  return row['return_mean'] if capped == '' or capped != capped else capped


def _columns(path: pathlib.Path, games: Sequence[str]) -> Sequence[str]:
  """Those that the table has; all of a run if there is none yet."""
  several = (game_columns.CAPPED, *(game_columns.RETURN + g for g in games))
  new = _COLUMNS if len(games) == 1 else (*_COLUMNS, *several)
  try:
    with path.open(newline='') as file:
      return next(csv.reader(file), new)
  except FileNotFoundError:
    return new


def _next(frames: int, every: int) -> int:
  """The first multiple of `every` after `frames`."""
  return (frames // every + 1) * every
