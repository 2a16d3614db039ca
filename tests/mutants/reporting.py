"""What became of a draw, as tables."""

import collections
import itertools
import operator
from collections.abc import Mapping, Sequence

from tests.chaos import ledger
from tests.mutants import drawing, trying

# Characters of a line beside what differs, and at most.
_AROUND, _MOST = 16, 70


def summary(
  drawn: Sequence[drawing.Drawn], tried: Mapping[str, trying.Tried]
) -> str:
  """Shares of each area, then what survived."""
  areas = collections.defaultdict(list)
  for each in drawn:
    if each.id in tried:
      areas[_area(each.file)].append(bool(tried[each.id].caught))
  counts = [('area', 'changes', 'caught')]
  for area in sorted(areas):
    found = areas[area]
    counts.append((area, str(len(found)), str(sum(found))))
  everything = [x for found in areas.values() for x in found]
  counts.append(('all', str(len(everything)), str(sum(everything))))
  lines = [ledger.rows(counts)]
  for each in drawn:
    if each.id in tried and not tried[each.id].caught:
      lines.append(f'\nsurvived: {shown(each)}')
  return '\n'.join(lines)


def table(
  drawn: Sequence[drawing.Drawn], tried: Mapping[str, trying.Tried]
) -> str:
  """A row for each change: what it is, and which test noticed."""
  found = [('change', 'where', 'what', 'noticed by')]
  for each in drawn:
    if each.id in tried:
      caught = tried[each.id].caught or 'nothing'
      found.append(
        (each.id, f'{each.file}:{each.line}', _short(each), f'`{caught}`')
      )
  return ledger.rows(found)


def _short(drawn: drawing.Drawn) -> str:
  """What differs between the lines, within one cell of a table."""
  before, after = (
    ' '.join(x.split()).replace('|', '\\|') for x in (drawn.before, drawn.after)
  )
  first = _common(before, after)
  last = _common(before[first:][::-1], after[first:][::-1])
  start = max(0, first - _AROUND)
  # What is long is deleted or moved, which its beginning tells.
  parts = (
    text[start : len(text) - last + _AROUND][:_MOST] for text in (before, after)
  )
  return ' becomes '.join(f'`{x.strip()}`' for x in parts)


def _common(one: str, other: str) -> int:
  """How many characters both begin with."""
  same = map(operator.eq, one, other)
  return sum(1 for _ in itertools.takewhile(bool, same))


def shown(drawn: drawing.Drawn) -> str:
  """A change in a few lines."""
  before = '\n'.join(f'  - {x}' for x in drawn.before.split('\n'))
  after = '\n'.join(f'  + {x}' for x in drawn.after.split('\n'))
  place = f'{drawn.id} {drawn.file}:{drawn.line} {drawn.kind}'
  return f'{place}\n{before}\n{after}'


def _area(file: str) -> str:
  parts = file.split('/')
  return '/'.join(parts[:2]) if parts[0] == 'attn_agents' else parts[0]
