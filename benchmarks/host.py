"""The machine that figures were measured on, and how busy it was."""

import importlib.metadata
import os
import pathlib
import subprocess
import sys
from typing import Any

from attn_agents.utils import machine

_ROOT = pathlib.Path(__file__).parents[1]


def load() -> float:
  """Processes that wanted to run, on average over the last minute."""
  return os.getloadavg()[0]


def cpu_flags() -> frozenset[str]:
  """What the CPU can do in the kernel's words, e.g. 'avx512f'; may be empty."""
  return frozenset(machine.cpu_info('flags').split())


def describe(load_before: float) -> dict[str, Any]:
  """Everything a reader needs to judge the figures, ready for JSON.

  Args:
    load_before: from `load`, when the measurement began.
  """
  here = machine.describe()
  return {
    'cpu': here.cpu,
    'cores': here.cores,
    'memory_bytes': here.memory_bytes,
    'platform': here.platform,
    'python': here.python,
    'jax': importlib.metadata.version('jax'),
    'jax_platforms': os.environ.get('JAX_PLATFORMS', ''),
    'xla_flags': os.environ.get('XLA_FLAGS', ''),
    'load_before': load_before,
    'load_after': load(),
    'commit': _commit(),
    'command': ' '.join(sys.orig_argv),
  }


def line(facts: dict[str, Any]) -> str:
  """The same for the terminal, short."""
  return (
    f'{facts["cpu"]}, {facts["cores"]} cores, jax {facts["jax"]}, load '
    f'{facts["load_before"]:.1f} before and {facts["load_after"]:.1f} after, '
    f'commit {facts["commit"]}'
  )


def _commit() -> str:
  """The commit of this checkout, with '+' if files differ; '' without git."""
  try:
    done = subprocess.run(
      ['git', 'describe', '--always', '--abbrev=10', '--dirty=+'],
      cwd=_ROOT,
      capture_output=True,
      text=True,
      check=False,
    )
  except OSError:
    return ''
  return done.stdout.strip()
