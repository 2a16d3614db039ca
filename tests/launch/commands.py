"""Runs a command of `launch/` to its end, as a user would."""

import pathlib
import subprocess
import sys

_LAUNCH = pathlib.Path(__file__).parents[2] / 'launch'


def run(script: str, *args: str) -> subprocess.CompletedProcess[str]:
  """`launch/<script>.py` with `args`."""
  return subprocess.run(
    [sys.executable, str(_LAUNCH / f'{script}.py'), *args],
    capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip


def refused(script: str, *args: str) -> str:
  """The one line that bad input gets, with exit code 2 and nothing else."""
  done = run(script, *args)
  assert done.returncode == 2, done
  assert done.stdout == ''
  (line,) = done.stderr.strip().splitlines()
  return line
