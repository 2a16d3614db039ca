"""Scores a run's checkpoints while it trains, and keeps the best of them.

Knows the run by its directory only: training saves a checkpoint every so many
frames, whoever follows takes the newest one. So it runs beside either runtime,
and a slow evaluation skips checkpoints instead of holding up the learner.
"""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Callable, Sequence

from attn_agents import experiment
from attn_agents.evaluation import episodes, evaluator, protocols, results
from attn_agents.runs import checkpoints, run_directory, saved_runs
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
    self._evaluator = evaluator.Evaluator(config, plan)
    self._spec = experiment.Experiment(config).state_spec()
    self._every_frames = every_frames
    rows = metrics_table.read(run.evaluation_curve)
    self._step = max((int(row['learner_steps']) for row in rows), default=0)
    self._due = _next(
      max((int(row['frames']) for row in rows), default=0), every_frames
    )
    self._best = max((row['return_mean'] for row in rows), default=None)
    # A score that could not be written.
    self._scored: tuple[checkpoints.Snapshot, results.Summary] | None = None

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
      played = self._evaluator.evaluate(
        snapshot.state.params, progress=progress, should_stop=should_stop
      )
      summary = results.summarise(
        self._evaluator.environment.game,
        played,
        self._evaluator.spec.action_repeat,
      )
      self._scored = snapshot, summary
    snapshot, summary = self._scored
    # The score is last: a row without its checkpoint would hide a better one.
    if self._best is None or summary.mean > self._best:
      self._keep(snapshot)
      self._best = summary.mean
    self._write(snapshot, summary)
    self._scored = None
    self._step = snapshot.counters.learner_steps
    self._due = _next(snapshot.counters.frames, self._every_frames)
    return (
      f'{snapshot.counters.frames:,} frames: mean return {summary.mean:,.2f} '
      f'of {summary.episodes} games, best {self._best:,.2f}'
    )

  def _newest(self) -> checkpoints.Snapshot | None:
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

  def _keep(self, snapshot: checkpoints.Snapshot) -> None:
    checkpointer = checkpoints.Checkpointer(self._run.best, keep=None)
    try:
      # The one there may be of a later step.
      checkpointer.save_alone(snapshot)
    finally:
      checkpointer.close()

  def _write(
    self, snapshot: checkpoints.Snapshot, summary: results.Summary
  ) -> None:
    totals = dataclasses.asdict(snapshot.counters)
    normalised = summary.human_normalised.get('table', '')
    row = (
      f'{totals["wall_time"]:.2f}',
      totals['frames'],
      totals['agent_steps'],
      totals['learner_steps'],
      summary.episodes,
      summary.mean,
      summary.median,
      summary.standard_error,
      normalised,
      self._evaluator.plan.max_episode_frames,
    )
    path = self._run.evaluation_curve
    columns = _columns(path)
    text = io.StringIO(newline='')
    with disk.explaining(self._run.path), path.open('ab') as file:
      writer = csv.DictWriter(text, columns, extrasaction='ignore')
      if not path.stat().st_size:
        writer.writeheader()
      writer.writerow(dict(zip(_COLUMNS, row, strict=True)))
      whole_files.append(file.fileno(), text.getvalue().encode())


def _columns(path: pathlib.Path) -> Sequence[str]:
  """Those that the table has; all if there is none yet."""
  try:
    with path.open(newline='') as file:
      return next(csv.reader(file), _COLUMNS)
  except FileNotFoundError:
    return _COLUMNS


def _next(frames: int, every: int) -> int:
  """The first multiple of `every` after `frames`."""
  return (frames // every + 1) * every
