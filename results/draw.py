"""Draws README's tables and figures of results, from the files beside it.

    python -m results.draw

replaces what stands in README.md between `<!-- drawn: NAME -->` and
`<!-- /drawn -->`, and the PNGs that are named in `FIGURES`.
"""

import functools
import pathlib
import re
import sys
from collections.abc import Callable, Mapping

from results import figures, learning, speed, tried

README = pathlib.Path(__file__).parents[1] / 'README.md'

TABLES: Mapping[str, Callable[[], str]] = {
  'speed': speed.overview,
  'acting': speed.acting,
  'scaling': speed.scaling,
  'moving': speed.moving,
  'packing': speed.packing,
  'replays': speed.replays,
  'chance': learning.chance,
  'trained': learning.trained,
  'side_by_side': learning.side_by_side,
  'tried_breakout': functools.partial(tried.table, 'breakout'),
  'tried_pong': functools.partial(tried.table, 'pong'),
  'tried_boxing': functools.partial(tried.table, 'boxing'),
  'catch': learning.catch,
}

FIGURES: Mapping[str, Callable[[pathlib.Path], None]] = {
  'docs/replay.png': figures.replays,
  'results/small.png': learning.draw_small,
  'results/earlier.png': learning.draw_earlier,
}

_DRAWN = re.compile(
  r'(<!-- drawn: (?P<name>\w+) -->\n).*?(\n<!-- /drawn -->)', re.DOTALL
)


def redraw(text: str) -> str:
  """README's text with its tables as the results say.

  Raises:
    ValueError: it lacks one of the tables, or has one that nothing draws.
  """
  names = [match['name'] for match in _DRAWN.finditer(text)]
  if sorted(names) != sorted(TABLES):
    raise ValueError(f'README has tables {names}, expected {list(TABLES)}')
  return _DRAWN.sub(lambda m: m[1] + TABLES[m['name']]() + m[3], text)


def main() -> int:
  """Writes README.md and the figures."""
  README.write_text(redraw(README.read_text()))
  for path, figure in FIGURES.items():
    figure(README.parent / path)
  return 0


if __name__ == '__main__':
  sys.exit(main())
