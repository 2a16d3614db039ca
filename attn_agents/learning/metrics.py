"""What the learner measures: one row of metrics.csv every few seconds."""

import collections
import csv
import io
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np

from attn_agents import types
from attn_agents.algorithms import registry
from attn_agents.learning import (
  batching,
  event_files,
  game_columns,
  game_scores,
  sight,
)
from attn_agents.runs import snapshots
from attn_agents.utils import disk, metrics_table, whole_files

# Before and after what the updates of all algorithms measure.
_FIRST_COLUMNS = (
  'wall_time',
  'frames',
  'agent_steps',
  'learner_steps',
  'fps',
  'episodes',
  'episode_return_mean',
  'episode_length_mean',
  'loss',
)
_LAST_COLUMNS = (
  'learning_rate',
  'grad_norm',
  'clip_fraction',
  'nonfinite',
  'policy_lag_mean',
  'policy_lag_max',
  'queue_depth',
  'replay_size',
  'samples_per_insert',
  'learner_wait_share',
  'learner_update_share',
  'actor_env_share',
  'actor_inference_share',
  'actor_wait_share',
)
# Where a column has another name than the update's metric.
_NAMES_IN_UPDATE = {'clip_fraction': 'clipped'}
# About the queue, or about the replay.
SOURCE_COLUMNS = ('queue_depth', 'replay_size', 'samples_per_insert')
# What is measured when a row is written.
_PRESENT_COLUMNS = (*SOURCE_COLUMNS, *sight.COLUMNS)
# Episode statistics are over this many games, so that rows have values where
# games rarely end.
_RECENT_GAMES = 100

Row = metrics_table.Row


def columns(games: Sequence[str] = ('',)) -> tuple[str, ...]:
  """The columns of metrics.csv, in their order, the same for all algorithms.

  docs/metrics.md explains every one.

  Args:
    games: of the run; several have columns of each.
  """
  return (
    *_FIRST_COLUMNS,
    *game_columns.columns(games),
    *registry.metrics(),
    *sight.COLUMNS,
    *_LAST_COLUMNS,
  )


def _update_metrics() -> dict[str, str]:
  """Columns that are means of the update's own metrics, and its name there."""
  names = (
    'loss',
    *registry.metrics(),
    'learning_rate',
    'grad_norm',
    'clip_fraction',
    'nonfinite',
  )
  return {name: _NAMES_IN_UPDATE.get(name, name) for name in names}


class Window:
  """Collects what happens between two rows."""

  def __init__(
    self,
    recent_returns: Iterable[float] = (),
    recent_lengths: Iterable[float] = (),
    scores: game_scores.GameScores | None = None,
  ):
    """Starts empty, or with the last games of a continued run.

    Args:
      recent_returns: of the last games.
      recent_lengths: of the same games.
      scores: of each game, of a run of several.
    """
    self.scores = scores or game_scores.GameScores(('',), lambda _: math.nan)
    self.recent_returns = collections.deque(recent_returns, _RECENT_GAMES)
    self.recent_lengths = collections.deque(recent_lengths, _RECENT_GAMES)
    self._reset()

  def add(
    self,
    metrics: Mapping[str, types.Array],
    info: batching.BatchInfo,
    lags: np.ndarray,
    wait_seconds: float,
    update_seconds: float,
  ) -> None:
    """Adds one update; `metrics` may still be computing."""
    self._metrics.append(metrics)
    self._lags.append(lags)
    self._actor_seconds += info.actor_seconds
    self._wait_seconds += wait_seconds
    self._update_seconds += update_seconds
    self.recent_returns.extend(map(float, info.game_returns))
    self.recent_lengths.extend(map(float, info.game_lengths))
    self.scores.add(info)

  def close(
    self,
    counters: snapshots.Counters,
    frames_before: int,
    seconds: float,
    present: Mapping[str, float],
  ) -> Row:
    """Returns the row of the last `seconds` and starts the next window.

    Args:
      counters: totals now.
      frames_before: frames at the window's start.
      seconds: its length.
      present: values now of `SOURCE_COLUMNS` and `sight.COLUMNS`, those that
        there are.
    """
    row: Row = {
      'wall_time': counters.wall_time,
      'frames': counters.frames,
      'agent_steps': counters.agent_steps,
      'learner_steps': counters.learner_steps,
      'fps': (counters.frames - frames_before) / max(seconds, 1e-9),
      'episodes': counters.games,
      'episode_return_mean': _mean(self.recent_returns),
      'episode_length_mean': _mean(self.recent_lengths),
      **self.scores.close(),
      **{name: present.get(name, math.nan) for name in _PRESENT_COLUMNS},
      'learner_wait_share': self._wait_seconds / max(seconds, 1e-9),
      'learner_update_share': self._update_seconds / max(seconds, 1e-9),
    }
    updates = jax.device_get(self._metrics)
    for column, name in _update_metrics().items():
      # Not every algorithm has every metric.
      row[column] = _mean([float(u[name]) for u in updates if name in u])
    lags = np.concatenate(self._lags) if self._lags else np.zeros(0)
    row['policy_lag_mean'] = _mean(lags)
    row['policy_lag_max'] = float(lags.max()) if lags.size else math.nan
    env, inference, queue, total = self._actor_seconds
    for name, part in (('env', env), ('inference', inference), ('wait', queue)):
      row[f'actor_{name}_share'] = part / total if total else math.nan
    self._reset()
    return row

  def _reset(self) -> None:
    self._metrics: list[Mapping[str, types.Array]] = []
    self._lags: list[np.ndarray] = []
    self._actor_seconds = np.zeros(4)
    self._wait_seconds = 0.0
    self._update_seconds = 0.0


class MetricsWriter:
  """Appends rows to metrics.csv and TensorBoard event files.

  Rows that find no room wait, and are written before the next ones; see
  `whole_files.PatientFile`.
  """

  def __init__(
    self,
    logdir: pathlib.Path | str,
    learner_steps: int,
    games: Sequence[str] = ('',),
  ):
    """Opens the run's files.

    Drops rows later than `learner_steps`, where a continued run starts, so that
    no step is in the file twice.

    Args:
      logdir: of the run.
      learner_steps: updates so far.
      games: of the run.

    Raises:
      StorageError: they cannot be written.
    """
    self._path = pathlib.Path(logdir) / 'metrics.csv'
    self._columns = columns(games)
    kept = [
      row
      for row in metrics_table.read(self._path)
      if row.get('learner_steps', math.inf) <= learner_steps
    ]
    with disk.explaining(logdir):
      _rewrite(self._path, kept, self._columns)
      self._csv = whole_files.PatientFile(self._path)
      self._events = event_files.EventFile(
        pathlib.Path(logdir) / 'tensorboard',
        purge_step=int(kept[-1]['frames']) + 1 if kept else 0,
      )

  @property
  def trouble(self) -> str:
    """Why rows wait, and how many are lost; '' if none are."""
    return self._csv.trouble or self._events.trouble

  def write(self, row: Row) -> None:
    """Adds one row to both."""
    line = io.StringIO(newline='')
    csv.DictWriter(line, self._columns).writerow(
      {k: _text(v) for k, v in row.items()}
    )
    self._csv.append(line.getvalue().encode())
    self._events.add(
      int(row['frames']),
      {k: v for k, v in row.items() if k != 'frames' and math.isfinite(v)},
    )

  def close(self) -> None:
    """Flushes and closes the files."""
    try:
      self._csv.close()
    finally:
      self._events.close()


def _rewrite(
  path: pathlib.Path, rows: Sequence[Row], names: Sequence[str]
) -> None:
  """Replaces the file atomically; a crash leaves the old one."""
  with (
    whole_files.replacing(path) as partial,
    open(partial, 'w', newline='') as file,
  ):
    writer = csv.DictWriter(file, names, extrasaction='ignore')
    writer.writeheader()
    writer.writerows({k: _text(v) for k, v in row.items()} for row in rows)


def _mean(values: Iterable[float]) -> float:
  values = list(values)
  return float(np.mean(values)) if values else math.nan


def _text(value: float) -> str:
  if not math.isfinite(value):
    return ''
  return str(int(value)) if value == int(value) else f'{value:.6g}'
