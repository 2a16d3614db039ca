"""A benchmark's command: flags, rounds, a table, and JSON."""

import json
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

import rich.console
from absl import flags

from attn_agents.distributed import process_environment
from attn_agents.utils import disk
from benchmarks import harness, host, report
from configs import errors
from launch import command_line, paths

ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds of A B A B ...', 1)
JSON = paths.define('json', None, 'Write the figures to this file.')
SMOKE = flags.DEFINE_bool(
  'smoke', False, 'Smallest sizes and one round: only see that it runs.'
)

FAILED = 1

_TABLE_WIDTH = 150


def run(
  make: Callable[[], harness.Benchmark], argv: Sequence[str] | None = None
) -> int:
  """A benchmark's command: flags, rounds, table, JSON; returns the exit code.

  Args:
    make: called once the flags are parsed; compiles what has to be.
    argv: the command line, that of the process by default.
  """
  if argv is None and (memory := process_environment.kept_memory()):
    # As a run's learner has it. It is read when a process starts.
    os.environ.update(memory)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
  return command_line.run(lambda: execute(make), argv)


def execute(make: Callable[[], harness.Benchmark]) -> int:
  """Does what the flags, parsed by now, say; returns the exit code."""
  console = rich.console.Console(highlight=False, soft_wrap=True)
  # A table cut to 80 columns, as into a file, would be torn.
  console.width = max(console.width, _TABLE_WIDTH)
  target = _target()
  before = host.load()
  try:
    benchmark = make()
    rates = harness.measure(
      benchmark,
      1 if SMOKE.value else ROUNDS.value,
      lambda line: console.print(line, style='dim'),
    )
    figures = report.summarise(benchmark, rates)
    # Of the smallest sizes, in one round, shares say nothing.
    above = [] if SMOKE.value else report.require_below_ceiling(figures)
  except harness.FailedError as error:
    print(f'failed: {" ".join(str(error).split())}', file=sys.stderr)
    return FAILED
  machine = host.describe(before)
  console.print(report.table(benchmark, figures))
  for note in (*above, *benchmark.notes()):
    console.print(note)
  for name, reason in benchmark.skipped.items():
    console.print(f'skipped {name}: {reason}')
  console.print(host.line(machine))
  if target:
    target.write_text(
      json.dumps(report.as_json(benchmark, figures, machine), indent=2) + '\n'
    )
    console.print(f'wrote {target}')
  return 0


def _target() -> pathlib.Path | None:
  """Where the JSON goes, refused before minutes have been spent."""
  if not JSON.value:
    return None
  path = pathlib.Path(JSON.value)
  if not path.parent.is_dir():
    raise errors.ConfigError(
      f'--json={path}: expected a file in a folder that exists; '
      f'{path.parent} does not'
    )
  if path.is_dir():
    raise errors.ConfigError(f'--json={path}: expected a file, not a folder')
  disk.require_writable('--json', path, path.parent)
  return path
