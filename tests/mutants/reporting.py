"""What became of a draw, as tables."""

import collections
from collections.abc import Mapping, Sequence

from tests.chaos import ledger
from tests.mutants import drawing, trying


def summary(
  drawn: Sequence[drawing.Drawn], tried: Mapping[str, trying.Tried]
) -> str:
  """Shares of each area, then what survived."""
  areas = collections.defaultdict(list)
  for each in drawn:
    if each.id in tried:
      areas[_area(each.file)].append(bool(tried[each.id].caught))
  table = [('area', 'changes', 'caught')]
  for area in sorted(areas):
    found = areas[area]
    table.append((area, str(len(found)), str(sum(found))))
  everything = [x for found in areas.values() for x in found]
  table.append(('all', str(len(everything)), str(sum(everything))))
  lines = [ledger.rows(table)]
  for each in drawn:
    if each.id in tried and not tried[each.id].caught:
      lines.append(f'\nsurvived: {shown(each)}')
  return '\n'.join(lines)


def shown(drawn: drawing.Drawn) -> str:
  """A change in a few lines."""
  before = '\n'.join(f'  - {x}' for x in drawn.before.split('\n'))
  after = '\n'.join(f'  + {x}' for x in drawn.after.split('\n'))
  place = f'{drawn.id} {drawn.file}:{drawn.line} {drawn.kind}'
  return f'{place}\n{before}\n{after}'


def _area(file: str) -> str:
  parts = file.split('/')
  return '/'.join(parts[:2]) if parts[0] == 'attn_agents' else parts[0]
