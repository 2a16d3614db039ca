"""Tables of docs/performance.md, from what the benchmarks' `--json` left."""

import json
import math
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attn_agents.evaluation.reporting import tables

_SPEED = pathlib.Path(__file__).parent / 'speed'

_PEERS = '[`benchmarks/peers.md`](../benchmarks/peers.md)'

_Spread = tuple[float, float, float]


class _Figures:
  """One benchmark's JSON file."""

  def __init__(self, name: str):
    content = json.loads((_SPEED / f'{name}.json').read_text())
    self.details: dict[str, Any] = content.get('details', {})
    self.command: str = content['machine']['command']
    self.alternatives: dict[str, dict[str, Any]] = content['alternatives']

  def spread(self, name: str, kind: str = 'rate') -> _Spread:
    """(median, minimum, maximum) of an alternative's 'rate', 'ratio', ..."""
    found = self.alternatives[name][kind]
    return found['median'], found['minimum'], found['maximum']

  def median(self, name: str, kind: str = 'rate') -> str:
    return _number(self.spread(name, kind)[0], 3)

  def times(self, peer: str) -> _Spread:
    """How many times as fast as a peer, whose own ratio is to us."""
    median, low, high = self.spread(peer, 'ratio')
    return 1 / median, 1 / high, 1 / low

  def table(self, rows: Sequence[Mapping[str, str]]) -> str:
    """Rows by the names of columns, and the command that measured them."""
    return f'{tables.markdown(tables.from_rows(rows))}\n\n`{self.command}`'


class _Claim(NamedTuple):
  """A row of the overview.

  Attributes:
    what: was measured; '' for another comparison of the row above.
    figures: of the benchmark that measured it.
    alternative: the one whose rate is shown.
    words: the comparison, with {} for its number.
    compared: that number.
    target: the project's own for that number, if it has one.
    percent: whether number and target are shares.
    how: it was measured; '' for the command in `figures`.
  """

  what: str
  figures: _Figures
  alternative: str
  words: str
  compared: _Spread
  target: float | None = None
  percent: bool = False
  how: str = ''

  def row(self) -> dict[str, str]:
    """The cells by the names of their columns."""
    rate = _spread(self.figures.spread(self.alternative), 3)
    how = self.how or (f'`{self.figures.command}`' if self.what else 'the same')
    return {
      'what': self.what,
      'agent steps/s': rate if self.what else '',
      'compared': self.words.format(_spread(self.compared, 2, self.percent)),
      'target': self._verdict(),
      'command': how,
    }

  def _verdict(self) -> str:
    if self.target is None:
      return ''
    verdict = 'met' if self.compared[0] >= self.target else 'missed'
    return f'{_number(self.target, 2, self.percent)}, {verdict}'


def overview() -> str:
  """Each claim of speed, what it is compared with, and its target."""
  s3ta, policy = _Figures('s3ta_update'), _Figures('s3ta_policy')
  impala, small = _Figures('impala_ff_update'), _Figures('small')
  deep, shallow = _Figures('peers_deep'), _Figures('peers_shallow')
  ours = 'update, ours'
  median, low, high = small.spread('threads')
  claims = [
    _Claim(
      'update of `s3ta`, paper sizes, 16 unrolls of 50',
      s3ta,
      ours,
      '{} times plain Flax and autodiff on one unroll of 50',
      s3ta.spread(ours, 'ratio'),
      40,
    ),
    _Claim(
      '',
      s3ta,
      ours,
      "{} of the matrix product's peak",
      s3ta.spread(ours, 'share'),
      0.70,
      percent=True,
    ),
    _Claim(
      'policy step of `s3ta`, paper sizes, 8 environments',
      policy,
      'policy 8',
      '{} of the peak',
      policy.spread('policy 8', 'share'),
      0.85,
      percent=True,
    ),
    _Claim(
      'update of `impala_ff`, 16 unrolls of 20',
      impala,
      ours,
      '{} of the peak',
      impala.spread(ours, 'share'),
      0.45,
      percent=True,
    ),
    _Claim(
      '', impala, ours, '{} times plain Flax', impala.spread(ours, 'ratio')
    ),
    _Claim(
      'whole system, `impala_ff` on Breakout, `--runtime=threads`',
      deep,
      'threads',
      '{} times cleanba',
      deep.times('cleanba'),
      2,
      how=_PEERS,
    ),
    _Claim(
      '',
      deep,
      'threads',
      '{} times TorchBeast',
      deep.times('TorchBeast deep'),
      2,
    ),
    _Claim('', deep, 'threads', '{} times Acme', deep.times('Acme'), 2.5),
    _Claim(
      "the same with a shallow network of TorchBeast's shape",
      shallow,
      'threads',
      '{} times TorchBeast',
      shallow.times('TorchBeast shallow'),
      2,
      how=_PEERS,
    ),
    _Claim(
      'whole system, `s3ta`, `small`, `--runtime=threads`',
      small,
      'threads',
      '{} frames/s',
      (4 * median, 4 * low, 4 * high),
      5000,
    ),
    _Claim(
      'the same, `--runtime=launchpad`',
      small,
      'launchpad',
      '{} times `threads`',
      small.spread('launchpad', 'ratio'),
      0.85,
    ),
  ]
  return tables.markdown(tables.from_rows([claim.row() for claim in claims]))


def acting() -> str:
  """Agent steps/s without a learner, by environments and their threads."""
  figures = _Figures('small_acting')

  def both(what: str) -> str:
    threads = (figures.median(f'{what}, {n} threads') for n in (1, 2))
    return ' / '.join(threads)

  rows = [
    {
      'environments': str(envs),
      'policy': figures.median(f'policy {envs}'),
      'emulators, 1 / 2 threads': both(f'environment {envs}'),
      'actor, 1 / 2 threads': both(f'actor {envs}'),
    }
    for envs in (1, 16, 32)
  ]
  return figures.table(rows)


def scaling() -> str:
  """Agent steps/s of whole runs that differ in one number."""
  figures = _Figures('small_scaling')
  groups: dict[str, list[str]] = {}
  for name in figures.alternatives:
    what, _, value = name.rpartition(' ')
    groups.setdefault(what, []).append(value)
  rows = []
  for what, values in groups.items():
    rates = (figures.median(f'{what} {value}') for value in values)
    rows.append(
      {
        'what': what.replace('_', ' '),
        'number': ' / '.join(values),
        'agent steps/s': ' / '.join(rates),
      }
    )
  return figures.table(rows)


def moving() -> str:
  """How fast unrolls pass each part of the way to the learner."""
  figures = _Figures('data_path')
  rows = [
    {
      'what': name.replace('ceiling', 'copy from array to array'),
      'MB/s': figures.median(name, 'cost_rate'),
    }
    for name in figures.alternatives
  ]
  return figures.table(rows)


def replays() -> str:
  """Updates from a replay and bytes of a transition, by how frames are kept."""
  figures = _Figures('replay')
  sizes = figures.details['bytes_per_transition']
  rows = []
  for name in figures.alternatives:
    size, naive = sizes[name], sizes[name.replace('frames once', 'naive')]
    put_in, grew_by = (
      f'{_number(size[kind], 3)} ({_number(naive[kind] / size[kind], 2)})'
      for kind in ('raw_bytes', 'measured_bytes')
    )
    ratio = _spread(figures.spread(name, 'ratio'), 2)
    rows.append(
      {
        'replay': name,
        'bytes put in': put_in,
        'bytes the process grew by': grew_by,
        'updates/s': f'{figures.median(name)} ({ratio})',
      }
    )
  return figures.table(rows)


def starts() -> str:
  """Seconds from the command to the first update, of two commits."""
  figures = _Figures('start')
  rows = []
  for name, seconds in figures.details['seconds'].items():
    before, _, kind = name.rpartition(', ')
    low, median, high = min(seconds), statistics.median(seconds), max(seconds)
    rows.append(
      {
        'run': kind,
        'commit': 'before' if before else 'this one',
        'seconds': _spread((median, low, high), 2),
        'times faster': _times(figures, name).removesuffix(f' {kind}'),
      }
    )
  return figures.table(rows)


def packing() -> str:
  """What packing frames saves, and what it costs."""
  figures = _Figures('frame_packing')
  rows = []
  for name in figures.alternatives:
    what, _, way = name.partition(' ')
    if what == 'pack':
      kind, smaller = way.rsplit(', ', 1)
      rows.append(
        {
          'how': kind,
          'times smaller': smaller.replace('-', ' to '),
          'packs, MB/s': figures.median(name),
          'unpacks, MB/s': figures.median(f'unpack {way}'),
        }
      )
  rows.append(
    {
      'how': 'copy, for comparison',
      'times smaller': '1',
      'packs, MB/s': figures.median('ceiling'),
      'unpacks, MB/s': '',
    }
  )
  return figures.table(rows)


def packed_queue() -> str:
  """What packed trajectories cost and save between processes."""
  figures = _Figures('packed_queue')
  rows = []
  for name in figures.alternatives:
    what, _, way = name.rpartition(', ')
    cost = _medians(figures.details['costs'][way][what])
    sent, actors = cost.pop('bytes'), cost.pop('actors')
    rows.append(
      {
        'what runs': what,
        'trajectories': way,
        'agent steps/s': figures.median(name),
        'times': _times(figures, name),
        'learner host, us': _number(sum(cost.values()), 2),
        'actors, us': _number(actors, 2),
        'bytes sent': _number(sent, 3),
      }
    )
  return figures.table(rows)


def _times(figures: _Figures, name: str) -> str:
  """The ratio of an alternative to another, '' for that one."""
  found = figures.alternatives[name]
  if not found['ratio']:
    return ''
  _, _, other = found['baseline'].rpartition(', ')
  return f'{_spread(figures.spread(name, "ratio"), 2)} {other}'


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
  return {x: statistics.median(y[x] for y in rounds) for x in rounds[0]}


def _spread(numbers: _Spread, digits: int, percent: bool = False) -> str:
  median, low, high = (_number(x, digits, percent) for x in numbers)
  return median if low == high else f'{median} ({low} to {high})'


def _number(value: float, digits: int, percent: bool = False) -> str:
  """With so many significant digits."""
  if percent:
    return f'{_number(100 * value, digits)} %'
  decimals = digits - 1 - math.floor(math.log10(value))
  return f'{round(value, decimals):,.{max(0, decimals)}f}'
