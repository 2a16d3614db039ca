"""Replays on disk: `<logdir>/replay/<runtime>-<learner step>`.

Each belongs to the checkpoint of the same step. It is written into a directory
beside the others and gets its name when it is complete.
"""

import os
import pathlib
import shutil

_UNFINISHED = 'unfinished'


def path_of(
  directory: pathlib.Path, runtime: str, learner_steps: int
) -> pathlib.Path:
  """The path of a replay, whether it exists or not.

  Args:
    directory: of the run's replays.
    runtime: 'launchpad' or 'threads', which keep different files.
    learner_steps: of the checkpoint.
  """
  return directory / f'{runtime}-{learner_steps}'


def find(
  directory: pathlib.Path, runtime: str, learner_steps: int | None
) -> pathlib.Path | None:
  """The replay that belongs to a checkpoint, None if there is none.

  Args:
    directory: of the run's replays.
    runtime: see `path_of`.
    learner_steps: of the checkpoint; None if there is no checkpoint.
  """
  if learner_steps is None:
    return None
  path = path_of(directory, runtime, learner_steps)
  return path if path.is_dir() else None


def unfinished(directory: pathlib.Path) -> pathlib.Path:
  """Makes an empty directory to write into; removes an earlier one."""
  path = directory / _UNFINISHED
  shutil.rmtree(path, ignore_errors=True)
  path.mkdir(parents=True)
  return path


def discard_unfinished(directory: pathlib.Path) -> None:
  """Empties the directory to write into, which stays where it is."""
  for path in (directory / _UNFINISHED).glob('*'):
    if path.is_dir():
      shutil.rmtree(path, ignore_errors=True)
    else:
      path.unlink(missing_ok=True)


def adopt(
  written: pathlib.Path,
  directory: pathlib.Path,
  runtime: str,
  learner_steps: int,
) -> None:
  """Gives a complete replay its name and removes all others.

  Args:
    written: from `unfinished`.
    directory: of the run's replays.
    runtime: see `path_of`.
    learner_steps: of its checkpoint.
  """
  path = path_of(directory, runtime, learner_steps)
  shutil.rmtree(path, ignore_errors=True)
  os.rename(written, path)
  for other in directory.glob('*-*'):
    if other != path:
      shutil.rmtree(other)
