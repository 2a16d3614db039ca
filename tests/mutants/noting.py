"""A plugin of pytest: writes when a test starts, and how it has ended."""

import json
import os
import sys

import pytest

# The file that gets the lines.
VARIABLE = 'ATTN_AGENTS_MUTANTS_NOTES'
# A directory for what JAX compiles, so that the next process need not.
COMPILED = 'ATTN_AGENTS_MUTANTS_COMPILED'

_seconds: dict[str, float] = {}
_failed: set[str] = set()


def pytest_collection_finish() -> None:
  directory = os.environ.get(COMPILED)
  # Not for children of tests: it writes to what they print. And who does not
  # need JAX does not wait for it.
  if directory and 'jax' in sys.modules:
    import jax

    jax.config.update('jax_compilation_cache_dir', directory)
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
    jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


def pytest_runtest_logstart(nodeid: str) -> None:
  _write({'started': nodeid})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
  name = report.nodeid
  _seconds[name] = _seconds.get(name, 0.0) + report.duration
  if report.failed:
    _failed.add(name)
    _write({'failed': name})
  if report.when == 'teardown':
    passed = name not in _failed
    _write(
      {'test': name, 'seconds': round(_seconds.pop(name), 2), 'passed': passed}
    )


def pytest_collectreport(report: pytest.CollectReport) -> None:
  if report.failed:
    _write({'failed': report.nodeid or 'collection'})


def _write(line: dict[str, str | float | bool]) -> None:
  # Workers of xdist report to the process that started them.
  if 'PYTEST_XDIST_WORKER' not in os.environ:
    with open(os.environ[VARIABLE], 'a') as file:
      file.write(json.dumps(line) + '\n')
