"""Runs alternatives alternately, A B A B ..., and measures them.

The speed of a shared machine changes from minute to minute, so absolute times
are worth little. What one round measures within seconds can be compared. So
every ratio, and every share of a ceiling, is taken within a round, and the
spread over rounds says how reliable it is.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

# The name of the ceiling among the alternatives' rates.
CEILING = 'ceiling'


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
    baseline: name of the alternative that its ratio is to; '' for none.
    is_bounded: whether it can be no faster than the ceiling. If not, it has no
      share of it.
  """

  name: str
  run: Callable[[], Measurement]
  cost: float = 0.0
  baseline: str = ''
  is_bounded: bool = True


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """What is compared, and with what.

  Attributes:
    title: of the table.
    unit: what `Measurement.units` counts, e.g. 'agent steps'.
    alternatives: run in this order in every round.
    cost_unit: 'GFLOP' or 'MB', what costs and the ceiling are in.
    ceiling: the best the machine can do, in units of cost; measured in every
      round, as its shares are.
    skipped: alternatives that cannot run here, with the reason.
    details: anything else for the JSON.
    notes: makes lines to be shown below the table, once all has run.
  """

  title: str
  unit: str
  alternatives: Sequence[Alternative]
  cost_unit: str = ''
  ceiling: Alternative | None = None
  skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
  details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  notes: Callable[[], Sequence[str]] = tuple


def repeat(
  call: Callable[[], Any], units: float, seconds: float
) -> Measurement:
  """Calls repeatedly until `seconds` have passed, at least once.

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
    in units of cost, under `CEILING`.

  Raises:
    FailedError: an alternative failed, or did nothing.
  """
  rates: dict[str, list[float]] = {}
  arms = [(x.name, x, 1.0) for x in benchmark.alternatives]
  if benchmark.ceiling:
    ceiling = benchmark.ceiling
    arms.insert(0, (CEILING, ceiling, ceiling.cost))
  for index in range(rounds):
    for name, alternative, factor in arms:
      done = alternative.run()
      if not (done.units > 0 and 0 < done.seconds < math.inf):
        raise FailedError(f'{name} did no work: {done}')
      rate = factor * done.units / done.seconds
      rates.setdefault(name, []).append(rate)
      tell(f'round {index + 1} of {rounds}: {name} {rate:,.4g}/s')
  return rates
