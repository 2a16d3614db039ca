"""Medians and spreads of the rates of some rounds, as a table and as JSON."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import rich.box
import rich.table

from benchmarks import harness


@dataclasses.dataclass(frozen=True)
class Summary:
  """One figure over several rounds."""

  median: float
  minimum: float
  maximum: float

  @classmethod
  def of(cls, values: Iterable[float]) -> 'Summary':
    """Summarises one value or more."""
    values = list(values)
    return cls(statistics.median(values), min(values), max(values))


@dataclasses.dataclass(frozen=True)
class Figures:
  """Of one alternative.

  Attributes:
    rates: units per second, one per round.
    rate: of them.
    baseline: what the ratio is to; '' without one.
    ratio: rate divided by the baseline's, round by round; None without one.
    cost_rate: units of cost per second; None if the cost is unknown.
    share: cost rate divided by the ceiling's, round by round; None without one,
      or if it is not bounded by it. Rounds above the ceiling are left out.
    above_ceiling: how many these are.
  """

  rates: Sequence[float]
  rate: Summary
  baseline: str = ''
  ratio: Summary | None = None
  cost_rate: Summary | None = None
  share: Summary | None = None
  above_ceiling: int = 0


def summarise(
  benchmark: harness.Benchmark, rates: Mapping[str, Sequence[float]]
) -> dict[str, Figures]:
  """Compares within rounds, then takes medians over them.

  Args:
    benchmark: what ran.
    rates: from `harness.measure`.

  Returns:
    Figures per name; the ceiling's, in units of cost, under `harness.CEILING`.
  """
  figures = {}
  if harness.CEILING in rates:
    found = rates[harness.CEILING]
    figures[harness.CEILING] = Figures(
      found, Summary.of(found), cost_rate=Summary.of(found)
    )
  for alternative in benchmark.alternatives:
    found = rates[alternative.name]
    ratio = cost_rate = share = None
    above = 0
    if alternative.baseline:
      ratio = _divide(found, rates[alternative.baseline])
    if alternative.cost:
      costs = [alternative.cost * rate for rate in found]
      cost_rate = Summary.of(costs)
      if harness.CEILING in rates and alternative.is_bounded:
        shares = _ratios(costs, rates[harness.CEILING])
        possible = [x for x in shares if x <= 1.0]
        share = Summary.of(possible) if possible else None
        above = len(shares) - len(possible)
    figures[alternative.name] = Figures(
      found,
      Summary.of(found),
      alternative.baseline,
      ratio,
      cost_rate,
      share,
      above,
    )
  return figures


def require_below_ceiling(figures: Mapping[str, Figures]) -> list[str]:
  """Refuses figures that are above their ceiling.

  Args:
    figures: from `summarise`.

  Returns:
    A line for each alternative that was above it in some rounds.

  Raises:
    FailedError: an alternative was above it in half of the rounds or more.
  """
  notes = []
  for name, found in figures.items():
    count, above = len(found.rates), found.above_ceiling
    if 2 * above >= count > 0 and above:
      raise harness.FailedError(
        f'{name} was above its ceiling in {above} of {count} rounds: its cost '
        'is counted wrong, or something else ran while the ceiling was '
        'measured; run it again with nothing else on the machine'
      )
    if above:
      notes.append(
        f'{name}: above its ceiling in {above} of {count} rounds, which are '
        'left out of its share'
      )
  return notes


def _divide(values: Sequence[float], others: Sequence[float]) -> Summary:
  return Summary.of(_ratios(values, others))


def _ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
  return [a / b for a, b in zip(values, others, strict=True)]


def table(
  benchmark: harness.Benchmark, figures: Mapping[str, Figures]
) -> rich.table.Table:
  """One row per alternative; minimum and maximum in brackets."""
  headers = [f'{benchmark.unit}/s']
  in_costs = benchmark.cost_unit == benchmark.unit
  if not in_costs and any(x.cost_rate for x in figures.values()):
    headers.append(f'{benchmark.cost_unit}/s')
  if any(x.share for x in figures.values()):
    headers.append('of the ceiling')
  if any(x.ratio for x in figures.values()):
    headers.append('ratio')
  result = rich.table.Table(title=benchmark.title, box=rich.box.SIMPLE)
  result.add_column('', no_wrap=True)
  for header in headers:
    result.add_column(header, justify='right', no_wrap=True)
  for name, found in figures.items():
    label, rate = name, _cell(found.rate)
    if name == harness.CEILING and benchmark.ceiling:
      label = benchmark.ceiling.name
      rate = rate if in_costs else ''
    cells = {
      f'{benchmark.cost_unit}/s': _cell(found.cost_rate),
      f'{benchmark.unit}/s': rate,
      'of the ceiling': _cell(found.share, '.1%'),
      'ratio': _cell(found.ratio, '.2f'),
    }
    if found.ratio:
      cells['ratio'] += f' x {found.baseline}'
    result.add_row(label, *(cells[header] for header in headers))
  return result


def _cell(summary: Summary | None, form: str = ',.4g') -> str:
  if summary is None:
    return ''
  median = f'{summary.median:{form}}'
  if summary.minimum == summary.maximum:
    return median
  return f'{median} ({summary.minimum:{form}}-{summary.maximum:{form}})'


def as_json(
  benchmark: harness.Benchmark,
  figures: Mapping[str, Figures],
  machine: Mapping[str, Any],
) -> dict[str, Any]:
  """All of it as plain data."""
  costs = {x.name: x.cost for x in benchmark.alternatives}
  return {
    'title': benchmark.title,
    'unit': benchmark.unit,
    'cost_unit': benchmark.cost_unit,
    'ceiling': benchmark.ceiling.name if benchmark.ceiling else '',
    'machine': dict(machine),
    'details': dict(benchmark.details),
    'skipped': dict(benchmark.skipped),
    'alternatives': {
      name: {
        **dataclasses.asdict(found),
        'rates': list(found.rates),
        'cost': costs.get(name, 1.0),
      }
      for name, found in figures.items()
    },
  }
