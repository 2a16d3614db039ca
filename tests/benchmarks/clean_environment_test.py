"""What a benchmark has set for itself does not reach what it measures."""

import json
import pathlib
import subprocess
import sys

import pytest

from attn_agents.distributed import process_environment
from attn_agents.utils import compile_cache, pools
from benchmarks import (
  clean_environment,
  harness,
  local_runs,
  other_systems,
  start,
)

_ROOT = pathlib.Path(__file__).parents[2]
_COMPILED = f"""
import os
import attn_agents
print(os.environ[{compile_cache.DIRECTORY!r}])
"""


def test_a_start_finds_only_what_its_own_folder_has_compiled(
  tmp_path, monkeypatch
):
  # The benchmark's own process keeps what it compiles.
  monkeypatch.setenv(compile_cache.DIRECTORY, str(tmp_path / 'other'))
  folder = tmp_path / 'run'
  printed = subprocess.run(
    [sys.executable, '-c', _COMPILED],
    env=start.environment(_ROOT, folder),
    stdout=subprocess.PIPE,
    text=True,
    check=True,
  ).stdout
  assert pathlib.Path(printed).is_relative_to(folder)


def test_another_system_has_its_own_memory(monkeypatch):
  monkeypatch.delenv('GLIBC_TUNABLES', raising=False)
  (name, value), *_ = process_environment.kept_memory().items()
  monkeypatch.setenv(name, value)
  line = json.dumps({'agent_steps_per_second': 7})
  arm = other_systems.arm(f'test -z "${name}" && echo \'{line}\'', 60.0)
  assert arm().units == 7


_SAY = """
import os
print(sorted(os.environ.keys() & {names}))
raise SystemExit(1)
"""


def test_a_run_finds_none_of_it(monkeypatch, tmp_path):
  names = {
    'GLIBC_TUNABLES',
    compile_cache.DIRECTORY,
    *compile_cache.SETTINGS,
    *pools.VARIABLES,
  }
  for name in names:
    monkeypatch.setenv(name, '1')
  script = tmp_path / 'run_local.py'
  script.write_text(_SAY.format(names=names))
  monkeypatch.setattr(local_runs, '_RUN_LOCAL', script)
  run = local_runs.arm([], 0.0, 1.0, lambda shares: None)
  with pytest.raises(harness.FailedError, match=r'ended with 1: \[\]$'):
    run()


def test_the_rest_stays(monkeypatch):
  monkeypatch.setenv('ATTN_AGENTS_TEST', 'kept')
  assert clean_environment.variables()['ATTN_AGENTS_TEST'] == 'kept'
