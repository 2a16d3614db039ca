"""Runs a command of `launch/` to its end, as a user would."""

import pathlib
import subprocess
import sys
import time

LAUNCH = pathlib.Path(__file__).parents[2] / 'launch'


def run(
  script: str, *args: str, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
  """`launch/<script>.py` with `args`."""
  return subprocess.run(
    [sys.executable, str(LAUNCH / f'{script}.py'), *args],
    capture_output=True, text=True, timeout=timeout, check=False,
  )  # fmt: skip


def refused(script: str, *args: str) -> str:
  """The one line that bad input gets, soon, with exit code 2."""
  start = time.monotonic()
  done = run(script, *args, timeout=60.0)
  assert time.monotonic() - start < 30
  assert done.returncode == 2, done
  assert done.stdout == ''
  (line,) = done.stderr.strip().splitlines()
  return line
