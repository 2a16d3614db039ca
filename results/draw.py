"""Draws the tables and figures of the documents, from the files beside it.

    python -m results.draw

replaces what stands between `<!-- drawn: NAME -->` and `<!-- /drawn -->` in the
documents of `DOCUMENTS`, and writes the PNGs of `FIGURES`.
"""

import functools
import pathlib
import re
import sys
from collections.abc import Callable, Mapping

from results import figures, learning, plan, sight, speed, tried, zoo

ROOT = pathlib.Path(__file__).parents[1]

Tables = Mapping[str, Callable[[], str]]

# By the path of the document that shows them.
DOCUMENTS: Mapping[str, Tables] = {
  'README.md': {'zoo': zoo.beside_chance},
  'docs/performance.md': {
    'speed': speed.overview,
    'starts': speed.starts,
    'acting': speed.acting,
    'scaling': speed.scaling,
    'moving': speed.moving,
    'packing': speed.packing,
    'packed_queue': speed.packed_queue,
    'replays': speed.replays,
  },
  'docs/plan.md': {'slices': plan.slices},
  'docs/results.md': {
    'chance': learning.chance,
    'trained': learning.trained,
    'side_by_side': learning.side_by_side,
    'catch': learning.catch,
  },
  'docs/sight.md': {'sight': sight.table},
  'docs/tried.md': {
    'tried_breakout': functools.partial(tried.table, 'breakout'),
    'tried_pong': functools.partial(tried.table, 'pong'),
    'tried_boxing': functools.partial(tried.table, 'boxing'),
  },
  'docs/zoo.md': {'zoo': zoo.beside_heads},
}

FIGURES: Mapping[str, Callable[[pathlib.Path], None]] = {
  'docs/images/replay.png': figures.replays,
  'docs/images/learning_small.png': learning.draw_small,
  'docs/images/learning_earlier.png': learning.draw_earlier,
}

_DRAWN = re.compile(
  r'(<!-- drawn: (?P<name>\w+) -->\n).*?(\n<!-- /drawn -->)', re.DOTALL
)


def redraw(text: str, tables: Tables) -> str:
  """A document's text with its tables as the results say.

  Args:
    text: of the document.
    tables: that belong to it, each once.

  Raises:
    ValueError: it lacks one of the tables, or has one that nothing draws.
  """
  names = [match['name'] for match in _DRAWN.finditer(text)]
  if sorted(names) != sorted(tables):
    raise ValueError(f'the text has tables {names}, expected {list(tables)}')
  return _DRAWN.sub(lambda m: m[1] + tables[m['name']]() + m[3], text)


def main() -> int:
  """Writes the documents and the figures."""
  for name, tables in DOCUMENTS.items():
    path = ROOT / name
    path.write_text(redraw(path.read_text(), tables))
  for name, figure in FIGURES.items():
    figure(ROOT / name)
  return 0


if __name__ == '__main__':
  sys.exit(main())
