"""What runs left, read for reports."""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from attn_agents.runs import run_directory
from attn_agents.utils import metrics_table
from configs import errors

# What an agent learns by unless it is told otherwise.
_USUAL = ('vtrace', 'appo', 'q_learning')


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
  """One run.

  Attributes:
    path: its directory.
    agent, algorithm, preset, game, seed: of its config.
    frames: trained so far.
    seconds: of running.
    training: the last 100 games of training, by time.
    evaluation: scores of checkpoints beside training, by time; may be empty.
    summary: of the evaluation of its newest checkpoint, as summary.json has
      it; None if there is none.
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

  @property
  def label(self) -> str:
    """What it is compared as: the agent, and what else is not the default."""
    usual = self.algorithm in _USUAL
    return self.agent if usual else f'{self.agent} {self.algorithm}'


def find(paths: Iterable[str]) -> list[pathlib.Path]:
  """Directories of runs, given themselves or as the directory they are in.

  Raises:
    ConfigError: one of the paths is and holds no run.
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


def read(path: pathlib.Path, protocol: str, policy: str) -> RunResult:
  """One run's results.

  Args:
    path: its directory.
    protocol: of the evaluation to take, as summary.json has it.
    policy: likewise.
  """
  run = run_directory.RunDirectory(path)
  config = run.content()['config']
  rows = metrics_table.read(run.metrics)
  game = config['environment']['game']
  return RunResult(
    path=path,
    agent=config['agent'],
    algorithm=config['algorithm'],
    preset=config['preset'],
    game=game,
    seed=config['seed'],
    frames=int(rows[-1]['frames']) if rows else 0,
    seconds=rows[-1]['wall_time'] if rows else 0.0,
    training=_curve(rows, 'episode_return_mean'),
    evaluation=_curve(metrics_table.read(run.evaluation_curve), 'return_mean'),
    summary=_newest_summary(
      run.evaluations,
      {'evaluated_game': game, 'protocol': protocol, 'policy': policy},
    ),
  )


def _curve(rows: list[metrics_table.Row], column: str) -> Curve:
  """Rows before the first game ended are left out."""
  rows = [row for row in rows if row[column] == row[column]]
  return Curve(
    tuple(row['frames'] for row in rows),
    tuple(row['wall_time'] for row in rows),
    tuple(row[column] for row in rows),
  )


def _newest_summary(
  directory: pathlib.Path, wanted: dict[str, str]
) -> dict[str, Any] | None:
  """Of the most trained checkpoint, and there of the most episodes."""
  summaries = [
    json.loads(p.read_text()) for p in sorted(directory.glob('*/summary.json'))
  ]
  fitting = [
    s for s in summaries if all(s[name] == v for name, v in wanted.items())
  ]
  return max(fitting, key=lambda s: (s['frames'], s['episodes']), default=None)


def write_curves(path: pathlib.Path, results: Iterable[RunResult]) -> None:
  """All curves as one CSV, a row per point."""
  with path.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(
      ('agent', 'game', 'seed', 'kind', 'frames', 'wall_time', 'return')
    )
    for run in results:
      for kind, curve in (
        ('training', run.training), ('evaluation', run.evaluation),
      ):  # fmt: skip
        for point in zip(
          curve.frames, curve.seconds, curve.returns, strict=True
        ):
          writer.writerow((run.label, run.game, run.seed, kind, *point))
