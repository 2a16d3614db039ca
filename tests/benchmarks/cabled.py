"""Runs a benchmark that plays two hosts, once and at toy sizes."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import cable

ROOT = pathlib.Path(__file__).parents[2]


def smoke(name: str, directory: pathlib.Path, *args: str) -> Any:
  """The details of its figures; skips where hosts cannot be played.

  Args:
    name: of the module in `benchmarks`.
    directory: for its figures.
    *args: more flags.
  """
  try:
    with cable.two_hosts():
      pass
  except cable.UnavailableError as error:
    pytest.skip(str(error))
  path = directory / 'figures.json'
  done = run(name, f'--json={path}', *args)
  assert done.returncode == 0, done.stderr
  return json.loads(path.read_text())['details']


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
  """The benchmark, to its end."""
  return subprocess.run(
    [sys.executable, '-m', f'benchmarks.{name}', '--smoke', *args],
    cwd=ROOT, capture_output=True, text=True, check=False,
  )  # fmt: skip
