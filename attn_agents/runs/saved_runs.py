"""Finds the runs and checkpoints that a command names.

Imports no JAX, so that a wrong name is refused at once.
"""

import dataclasses
import pathlib

from attn_agents.environments import registry as environments
from attn_agents.runs import exported, run_directory
from attn_agents.runs.buckets import addresses, restoring, stores
from attn_agents.utils import metrics_table
from configs import errors, schema


def open_run(path: str) -> tuple[run_directory.RunDirectory, schema.Config]:
  """Opens a run and reads its config; from a bucket, it is copied here first.

  Args:
    path: of a run, in a bucket too, or of an exported agent, or the name of one
      that ships (`exported.find`).

  Raises:
    ConfigError: there is no run there, with the name of the nearest beside it;
      or it is of an earlier format, with the command that converts it; or its
      config is damaged or of a game that there is not; or its bucket cannot be
      read.
  """
  agent = exported.find(path)
  if agent is not None:
    return agent, agent.config()
  run = run_directory.RunDirectory(_here(path))
  require_run(run, path)
  config = run.config()
  environments.suite_of(config.environment.game).validate(config.environment)
  return run, config


def _here(path: str) -> str:
  """The directory of a run on this machine, with all that its bucket has."""
  if not addresses.is_address(path):
    return path
  address = addresses.parse('--run', path)
  run = run_directory.RunDirectory(address.directory)
  # Where it trains on this machine, the directory is newer than the bucket.
  if not run.is_locked():
    try:
      restoring.Restoring(run, stores.connect(address)).restore()
    except stores.BucketError as error:
      raise errors.ConfigError(f'--run={path}: {error}') from error
  return str(run.path)


def require_run(run: run_directory.RunDirectory, path: str) -> None:
  """Raises unless the directory holds a run, of whatever format.

  Args:
    run: its directory.
    path: as the user gave it.

  Raises:
    ConfigError: there is none, with the name of the nearest beside it.
  """
  if (run.path / 'config.json').is_file():
    return
  there = sorted(p.parent.name for p in run.path.parent.glob('*/config.json'))
  if not there:
    raise errors.ConfigError(
      f'--run={path} is no run: it has no config.json; expected the --logdir '
      'of a training run'
    )
  raise errors.unknown('run', run.path.name, there)


def with_game(config: schema.Config, game: str | None) -> schema.Config:
  """A run's config with the game to play.

  Args:
    config: of the run.
    game: another game or, of a run of several, one of them; None for the run's
      own.

  Raises:
    ConfigError: of a run of several, it is None or none of them; or it is a
      list of games.
  """
  members = environments.members(config.environment.game)
  if len(members) > 1:
    if game is None:
      raise errors.ConfigError(
        f'--game is missing: the run is of {len(members)} games; expected one '
        f'of them, as --game={members[0]}'
      )
    if game not in members:
      raise errors.unknown('game of the run:', game, members)
  if game is None:
    return config
  several = environments.members(game)
  errors.require(
    len(several) == 1, '--game', game, f'one game, as --game={several[0]}'
  )
  return dataclasses.replace(
    config, environment=config.environment.of_game(game)
  )


def find(
  run: run_directory.RunDirectory, which: str
) -> tuple[pathlib.Path, int]:
  """The directory and learner step of a checkpoint.

  Args:
    run: whose checkpoint.
    which: 'newest', 'best' (by the evaluator beside training), or a step.

  Raises:
    ConfigError: there is no such checkpoint.
  """
  directory = run.best if which == 'best' else run.checkpoints
  there = steps(directory)
  if not there:
    hint = ''
    if which == 'best' and steps(run.checkpoints):
      hint = '; training keeps it with --evaluate_every only; newest exists'
    raise errors.ConfigError(
      f'--checkpoint={which}: {directory} has no checkpoint{hint}'
    )
  if which in ('newest', 'best'):
    return directory, there[-1]
  try:
    step = int(which)
  except ValueError:
    raise errors.ConfigError(
      f'--checkpoint={which}: expected newest, best, or one of the steps '
      f'{_listed(there)}'
    ) from None
  if step not in there:
    nearest = min(there, key=lambda s: abs(s - step))
    raise errors.ConfigError(
      f'--checkpoint={which}: expected one of the steps {_listed(there)}; the '
      f'nearest is {nearest}'
    )
  return directory, step


def steps(directory: pathlib.Path) -> list[int]:
  """Learner steps of the complete checkpoints there, in ascending order."""
  if exported.is_one(directory):
    return [exported.checkpoint(directory)]
  # Orbax gives a checkpoint its bare number only once it is complete.
  if not directory.is_dir():
    return []
  return sorted(int(p.name) for p in directory.iterdir() if p.name.isdigit())


def is_trained(
  run: run_directory.RunDirectory, max_frames: int, max_hours: float = 0.0
) -> bool:
  """Whether a run has all its frames or hours, and the checkpoint of them.

  A learner writes its last row of metrics.csv before its last checkpoint, and
  may be killed in between.

  Args:
    run: that trains at this moment or not.
    max_frames: emulator frames that it is to have; 0 for no end by them.
    max_hours: of running after which it ends, too; 0 for no end by them.
  """
  row = metrics_table.last(run.metrics)
  if row is None:
    return False
  ended = 0 < max_frames <= row['frames'] or (
    0 < max_hours <= row.get('wall_time', 0.0) / 3600
  )
  return ended and (newest(run) or 0) >= row.get('learner_steps', 0)


def newest(run: run_directory.RunDirectory) -> int | None:
  """Learner step of the newest complete checkpoint, None if there is none."""
  there = steps(run.checkpoints)
  return there[-1] if there else None


def _listed(there: list[int]) -> str:
  return ', '.join(map(str, there[-5:]))
