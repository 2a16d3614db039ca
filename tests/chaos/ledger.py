"""What was seen, as lines of JSON that a later sitting adds to, and tables."""

import collections
import json
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.chaos import judging


def append(path: pathlib.Path, line: Mapping[str, Any]) -> None:
  """Adds a line."""
  with open(path, 'a') as file:
    file.write(json.dumps(line) + '\n')


def read(path: pathlib.Path) -> list[dict[str, Any]]:
  """All lines; a last one that was cut short is left out."""
  if not path.exists():
    return []
  lines = path.read_text().splitlines(keepends=True)
  return [json.loads(line) for line in lines if line.endswith('\n')]


def summary(rounds: Sequence[judging.Observed]) -> str:
  """A row for each kind of fault, then every round that broke a rule."""
  kinds = collections.defaultdict(list)
  for seen in rounds:
    kinds[seen.kind].append(seen)
  table = [
    ('fault', 'rounds', 'outcomes', 'seconds to notice', 'frames lost',
     'rules broken')
  ]  # fmt: skip
  for kind in sorted(kinds):
    of_kind = kinds[kind]
    ended = [s for s in of_kind if s.start is not None]
    table.append(
      (
        kind,
        str(len(of_kind)),
        _counted(s.outcome for s in of_kind),
        _spread([s.seconds for s in of_kind]),
        _spread([s.lost for s in ended]),
        str(sum(bool(judging.broken(s)) for s in of_kind)),
      )
    )
  lines = [rows(table)]
  if 'clock' in kinds:
    lines.append('The clock is set back under --runtime=threads only.')
  for seen in rounds:
    for rule, how in judging.broken(seen).items():
      lines.append(
        f'round {seen.number}: {seen.kind} {seen.detail} ({seen.moment}, '
        f'{seen.runtime}, {seen.algorithm}) breaks "{rule}": {how}'
      )
  return '\n'.join(lines)


def rows(table: Sequence[Sequence[str]]) -> str:
  """A Markdown table; the first row is its head."""
  head, *body = table
  lines = [head, ['---'] * len(head), *body]
  return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _counted(outcomes: Iterable[str]) -> str:
  counts = collections.Counter(outcomes)
  return ', '.join(f'{name}: {n}' for name, n in counts.most_common())


def _spread(values: Sequence[float]) -> str:
  """Median and most."""
  if not values:
    return '-'
  return f'{statistics.median(values):,.0f}, at most {max(values):,.0f}'
