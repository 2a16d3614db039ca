"""Runs alternatives A B A B ... and says how they compare.

Absolute times do not hold on a shared machine: its speed changes from minute to
minute. What one round measures within seconds can be compared, so every ratio
and every share of a ceiling is taken within a round, and the spread over rounds
says what it is worth.
"""

import dataclasses
import json
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import rich.console
from absl import flags

from attn_agents.distributed import process_environment
from benchmarks import host, report
from configs import errors
from launch import command_line

ROUNDS = flags.DEFINE_integer('rounds', 5, 'Rounds of A B A B ...', 1)
JSON = flags.DEFINE_string('json', None, 'Write the figures to this file.')
SMOKE = flags.DEFINE_bool(
  'smoke', False, 'Smallest sizes and one round: only see that it runs.'
)

FAILED = 1

_TABLE_WIDTH = 150


class Measurement(NamedTuple):
  """What one run of an alternative did.

  Attributes:
    units: of work done, > 0.
    seconds: that it took.
  """

  units: float
  seconds: float


class FailedError(RuntimeError):
  """An alternative cannot be measured; its message is one line."""


@dataclasses.dataclass(frozen=True)
class Alternative:
  """One of the things compared.

  Attributes:
    name: in the table.
    run: does some work and measures it; whatever happens once, compilation
      above all, belongs before the first call.
    cost: GFLOP or MB (`Benchmark.cost_unit`) of one unit of work; 0 if unknown.
    baseline: name of the alternative that its ratio is taken to; '' for none,
      where nothing is its rival.
  """

  name: str
  run: Callable[[], Measurement]
  cost: float = 0.0
  baseline: str = ''


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """What is compared, and with what.

  Attributes:
    title: of the table.
    unit: what `Measurement.units` counts, e.g. 'agent steps'.
    alternatives: run in this order in every round.
    cost_unit: 'GFLOP' or 'MB', what costs and the ceiling are in.
    ceiling: what the machine can do at best, in units of cost; measured in
      every round, so that shares of it are of the same moment.
    skipped: alternatives that cannot run here, with the reason.
    details: whatever else belongs into the JSON.
  """

  title: str
  unit: str
  alternatives: Sequence[Alternative]
  cost_unit: str = ''
  ceiling: Alternative | None = None
  skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
  details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def repeat(
  call: Callable[[], Any], units: float, seconds: float
) -> Measurement:
  """Calls until `seconds` have passed, at least once.

  Args:
    call: does its work before it returns.
    units: of work that one call does.
    seconds: least time to spend.
  """
  calls = 0
  start = time.perf_counter()
  while True:
    call()
    calls += 1
    passed = time.perf_counter() - start
    if passed >= seconds:
      return Measurement(calls * units, passed)


def measure(
  benchmark: Benchmark, rounds: int, tell: Callable[[str], None]
) -> dict[str, list[float]]:
  """Runs everything `rounds` times, alternately.

  Args:
    benchmark: what to run.
    rounds: how often.
    tell: is given one line after each run.

  Returns:
    Units per second of each alternative in each round; those of the ceiling,
    in units of cost, under `report.CEILING`.

  Raises:
    FailedError: an alternative failed, or did nothing.
  """
  rates: dict[str, list[float]] = {}
  arms = [(x.name, x, 1.0) for x in benchmark.alternatives]
  if benchmark.ceiling:
    ceiling = benchmark.ceiling
    arms.insert(0, (report.CEILING, ceiling, ceiling.cost))
  for index in range(rounds):
    for name, alternative, factor in arms:
      done = alternative.run()
      if not (done.units > 0 and 0 < done.seconds < math.inf):
        raise FailedError(f'{name} did no work: {done}')
      rate = factor * done.units / done.seconds
      rates.setdefault(name, []).append(rate)
      tell(f'round {index + 1} of {rounds}: {name} {rate:,.4g}/s')
  return rates


def run(
  make: Callable[[], Benchmark], argv: Sequence[str] | None = None
) -> int:
  """A benchmark's command: flags, rounds, table, JSON; returns the exit code.

  Args:
    make: called once the flags are parsed; compiles what has to be.
    argv: the command line, that of the process by default.
  """
  if argv is None and process_environment.large_pages():
    # As a run's processes have it. It is read when a process starts.
    os.environ.update(process_environment.large_pages())
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
  return command_line.run(lambda: execute(make), argv)


def execute(make: Callable[[], Benchmark]) -> int:
  """Does what the flags, parsed by now, say; returns the exit code."""
  console = rich.console.Console(highlight=False, soft_wrap=True)
  # A table cut to 80 columns, as into a file, would be torn.
  console.width = max(console.width, _TABLE_WIDTH)
  target = _target()
  before = host.load()
  try:
    benchmark = make()
    rates = measure(
      benchmark,
      1 if SMOKE.value else ROUNDS.value,
      lambda line: console.print(line, style='dim'),
    )
  except FailedError as error:
    print(f'failed: {" ".join(str(error).split())}', file=sys.stderr)
    return FAILED
  machine = host.describe(before)
  figures = report.summarise(benchmark, rates)
  console.print(report.table(benchmark, figures))
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
  return path
