"""Replays on disk, `<logdir>/replay/<runtime>-<learner step>`.

Each goes with the checkpoint of the same step. Whoever writes one does so in a
directory beside them; only what is whole gets its name.
"""

import os
import pathlib
import shutil


def path_of(
  directory: pathlib.Path, runtime: str, learner_steps: int
) -> pathlib.Path:
  """Where the replay of that step is, or would be.

  Args:
    directory: the run's, for replays.
    runtime: 'launchpad' or 'threads', which keep different files.
    learner_steps: of the checkpoint.
  """
  return directory / f'{runtime}-{learner_steps}'


def find(
  directory: pathlib.Path, runtime: str, learner_steps: int | None
) -> pathlib.Path | None:
  """The replay of that step, None if there is none, or no step."""
  if learner_steps is None:
    return None
  path = path_of(directory, runtime, learner_steps)
  return path if path.is_dir() else None


def unfinished(directory: pathlib.Path) -> pathlib.Path:
  """An empty directory to write in; what was left there is removed."""
  path = directory / 'unfinished'
  shutil.rmtree(path, ignore_errors=True)
  path.mkdir(parents=True)
  return path


def adopt(
  written: pathlib.Path,
  directory: pathlib.Path,
  runtime: str,
  learner_steps: int,
) -> None:
  """Gives what was written its name, and removes all other replays."""
  path = path_of(directory, runtime, learner_steps)
  shutil.rmtree(path, ignore_errors=True)
  os.rename(written, path)
  for other in directory.glob('*-*'):
    if other != path:
      shutil.rmtree(other)
