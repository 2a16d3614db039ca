"""Runs Python on two pretended CPU devices, in a process of its own."""

import os
import pathlib
import subprocess
import sys


def run(*arguments: str) -> str:
  """What `python <arguments>` printed, from the repository's root.

  Raises:
    AssertionError: it failed; with what it wrote to standard error.
  """
  flags = f'{os.environ["XLA_FLAGS"]} --xla_force_host_platform_device_count=2'
  done = subprocess.run(
    [sys.executable, *arguments],
    env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': flags},
    cwd=pathlib.Path(__file__).parents[2],
    capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  return done.stdout
