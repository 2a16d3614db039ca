"""Reads what runs have left: curves and scores."""

import csv
import dataclasses
import json
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from attn_agents.evaluation import protocols
from attn_agents.learning import game_columns
from attn_agents.runs import run_directory
from attn_agents.utils import metrics_table
from configs import agents, errors, games, overrides


@dataclasses.dataclass(frozen=True)
class Curve:
  """Mean return as training went on; lists of equal length.

  Attributes:
    frames: emulator frames.
    seconds: wall time.
    returns: mean unclipped return of whole games.
  """

  frames: tuple[float, ...] = ()
  seconds: tuple[float, ...] = ()
  returns: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunResult:
  """One run; of a run of several games, one of them.

  Attributes:
    path: its directory.
    agent, algorithm, preset, game, seed: of its config.
    frames: emulator frames of training.
    seconds: wall time of training.
    training: returns of the last 100 games of training.
    evaluation: scores of checkpoints beside training; may be empty.
    summary: summary.json of the newest checkpoint that was evaluated; None if
      none was.
    settings: all values of its config, by 'section.field'.
    trained_on: the games of a run of several, as its config has them; '' if it
      is of one.
    qualifier: what tells it from other runs of its agent in a report; '' if
      nothing has to.
  """

  path: pathlib.Path
  agent: str
  algorithm: str
  preset: str
  game: str
  seed: int
  frames: int
  seconds: float
  training: Curve
  evaluation: Curve
  summary: dict[str, Any] | None
  settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  trained_on: str = ''
  qualifier: str = ''

  @property
  def name(self) -> str:
    """Of its directory, and of the game if it has several."""
    return (
      f'{self.path.name} ({self.game})' if self.trained_on else (self.path.name)
    )

  @property
  def label(self) -> str:
    """Its name in comparisons; equal for seeds of one agent."""
    return self.agent_name + self.qualifier

  @property
  def scored_frames(self) -> int | None:
    """Emulator frames of the checkpoint that `summary` is of."""
    return None if self.summary is None else int(self.summary['frames'])

  @property
  def agent_name(self) -> str:
    """The agent, an algorithm that is not the preset's, and several games."""
    parts = [self.agent]
    if agents.make(self.agent, self.preset).algorithm != self.algorithm:
      parts.append(self.algorithm)
    if self.trained_on:
      parts.append(f'of {games.in_directory(self.trained_on, ",")}')
    return ' '.join(parts)


def find(paths: Iterable[str]) -> list[pathlib.Path]:
  """Directories of runs.

  Args:
    paths: of runs, or of directories that hold runs.

  Raises:
    ConfigError: one of the paths neither is nor holds a run.
  """
  found: dict[pathlib.Path, None] = {}
  for path in map(pathlib.Path, paths):
    here = [path] if (path / 'config.json').is_file() else []
    below = sorted(p.parent for p in path.glob('*/config.json'))
    if not here and not below:
      raise errors.ConfigError(
        f'--runs={path}: no run there (config.json), nor in the directories '
        'directly in it'
      )
    found.update(dict.fromkeys(here or below))
  return list(found)


def read(
  path: pathlib.Path,
  protocol: str,
  policy: str,
  max_episode_frames: int = protocols.MAX_EPISODE_FRAMES,
) -> list[RunResult]:
  """One run's results, for each of its games.

  Args:
    path: its directory.
    protocol: of the evaluation to take, as summary.json has it.
    policy: of that evaluation, too.
    max_episode_frames: after which its games were cut.

  Raises:
    ConfigError: it is of an earlier format, or one of its files is damaged.
  """
  run = run_directory.RunDirectory(path)
  config = run.content()['config']
  rows = _rows(run.metrics, 'episode_return_mean')
  evaluations = _rows(run.evaluation_curve, 'return_mean')
  trained_on = config['environment']['game']
  members = games.members(trained_on)
  several = len(members) > 1

  def result(game: str) -> RunResult:
    column = game_columns.RETURN + game if several else ''
    return RunResult(
      path=path,
      agent=config['agent'],
      algorithm=config['algorithm'],
      preset=config['preset'],
      game=game,
      seed=config['seed'],
      frames=int(rows[-1]['frames']) if rows else 0,
      seconds=rows[-1]['wall_time'] if rows else 0.0,
      training=_curve(rows, column or 'episode_return_mean'),
      evaluation=_curve(evaluations, column or 'return_mean'),
      summary=_newest_summary(
        run.evaluations,
        evaluated_game=game,
        protocol=protocol,
        policy=policy,
        max_episode_frames=max_episode_frames,
      ),
      settings=overrides.flatten(config),
      trained_on=trained_on if several else '',
    )

  return [result(game) for game in members]


def _rows(path: pathlib.Path, column: str) -> list[metrics_table.Row]:
  """Rows of a table that has frames, times and this column."""
  rows = metrics_table.read(path)
  for name in ('frames', 'wall_time', column):
    if rows and name not in rows[0]:
      raise errors.ConfigError(f"{path} is damaged: it has no column '{name}'")
  return rows


def _curve(rows: list[metrics_table.Row], column: str) -> Curve:
  """A curve from the first game that ended."""
  nothing = float('nan')
  rows = [row for row in rows if not math.isnan(row.get(column, nothing))]
  return Curve(
    tuple(row['frames'] for row in rows),
    tuple(row['wall_time'] for row in rows),
    tuple(row[column] for row in rows),
  )


def _newest_summary(
  directory: pathlib.Path, **wanted: str | int
) -> dict[str, Any] | None:
  """That of the newest checkpoint; of several, that with most episodes."""
  fitting = []
  for path in sorted(directory.glob('*/summary.json')):
    try:
      summary = dict(json.loads(path.read_text()))
      # Files without the field have the usual cap.
      summary.setdefault('max_episode_frames', protocols.MAX_EPISODE_FRAMES)
      if all(summary[name] == value for name, value in wanted.items()):
        fitting.append((summary['frames'], summary['episodes'], summary))
    except (ValueError, KeyError, TypeError) as error:
      raise errors.ConfigError(
        f'{path} is damaged ({type(error).__name__}: {error}); expected what '
        'launch/evaluate.py writes'
      ) from error
  return max(fitting, key=lambda found: found[:2], default=(None,))[-1]


def write_curves(path: pathlib.Path, results: Iterable[RunResult]) -> None:
  """Writes all curves into one CSV, a row per point."""
  with path.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(
      ('agent', 'game', 'seed', 'run', 'kind', 'frames', 'wall_time', 'return')
    )
    for run in results:
      for kind in ('training', 'evaluation'):
        curve = getattr(run, kind)
        points = zip(curve.frames, curve.seconds, curve.returns, strict=True)
        for point in points:
          writer.writerow(
            (run.label, run.game, run.seed, run.path, kind, *point)
          )
