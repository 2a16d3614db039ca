"""Slurm's commands, and what they say."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from attn_agents.utils import children
from configs import errors

_SECONDS = 60.0
_LARGEST = re.compile(r'^MaxArraySize\s*=\s*(\d+)', re.MULTILINE)


class SlurmError(Exception):
  """Slurm does not answer, or refuses. The message is one line."""


def require_installed() -> None:
  """Raises ConfigError where jobs cannot be submitted."""
  if shutil.which('sbatch') is None:
    raise errors.ConfigError(
      'sbatch is not installed here; run this where jobs of Slurm are '
      'submitted (a login node), or use --dry_run'
    )


def submit(script: str) -> str:
  """Submits a script and returns the job's number.

  Raises:
    ConfigError: Slurm refuses the job.
    SlurmError: it does not answer.
  """
  try:
    said = _run(['sbatch', '--parsable', script])
  except SlurmError as error:
    if 'nable to contact' in str(error):
      raise
    known = ''
    if 'job array' in str(error):
      most = _LARGEST.search(_run(['scontrol', 'show', 'config']))
      if most is not None:
        known = f'; expected elements up to {int(most[1]) - 1} (MaxArraySize)'
    raise errors.ConfigError(f'{error}{known}') from None
  # With several clusters, it is `number;cluster`.
  return said.strip().partition(';')[0]


def check_partition(value: str) -> None:
  """Raises ConfigError with the nearest if there is no such partition."""
  known = _run(['sinfo', '--noheader', '--format=%R']).split()
  for name in value.split(',') if value else []:
    if name not in known:
      raise errors.unknown('partition', name, known)


def queue() -> dict[str, tuple[str, str, str]]:
  """What this user has in the queue: state, nodes and reason of each job.

  Elements of an array are `<job>_<index>`, also while they wait.

  Raises:
    SlurmError: Slurm does not answer.
  """
  said = _run(
    [
      'squeue', '--noheader', '--array', f'--user={os.getuid()}',
      '--states=all', '--format=%i|%T|%N|%r',
    ]
  )  # fmt: skip
  found = {}
  for line in said.splitlines():
    job, state, nodes, reason = line.strip().split('|', 3)
    found[job] = (state, nodes, reason)
  return found


def cancel(job: str) -> None:
  """Cancels a job, or an element of an array.

  Raises:
    SlurmError: Slurm does not answer, or does not know it.
  """
  _run(['scancel', job])


def _run(command: Sequence[str]) -> str:
  try:
    done = children.run(command, _SECONDS, os.environ)
  except subprocess.TimeoutExpired:
    raise SlurmError(
      f'{command[0]} did not answer within {_SECONDS:g} seconds'
    ) from None
  except FileNotFoundError:
    raise SlurmError(f'{command[0]} is not installed here') from None
  if done.returncode:
    lines = done.stderr.strip().splitlines() or [
      f'{command[0]} ended with {done.returncode}'
    ]
    # The first says what is wrong, the last that it failed.
    raise SlurmError(lines[0])
  return done.stdout
