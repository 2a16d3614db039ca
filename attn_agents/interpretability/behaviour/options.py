"""Options of behaviour: what heads are measured against."""

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

from attn_agents.interpretability import options
from configs import errors

# A thing, its colour, and where it can be.
_THING = r'(\w+)=([0-9a-fA-F]{6})(?:@(\d+),(\d+),(\d+),(\d+))?'


class Tracked(NamedTuple):
  """A thing on the screen that heads may follow.

  Attributes:
    name: for tables.
    colour: red, green and blue, exactly as drawn.
    region: top, left, bottom and right in pixels; nothing outside it counts.
      The bottom row and the right column are outside. None: the whole screen.
  """

  name: str
  colour: tuple[int, int, int]
  region: tuple[int, int, int, int] | None = None


def _parse(texts: Sequence[str]) -> tuple[Tracked, ...]:
  found = [_tracked(text) for text in texts]
  names = [thing.name for thing in found]
  for thing, text in zip(found, texts, strict=True):
    errors.require(
      names.count(thing.name) == 1, '--track', text, 'each name once'
    )
  return tuple(found)


def _tracked(text: str) -> Tracked:
  found = re.fullmatch(_THING, text)
  if found is None:
    raise errors.ConfigError(
      f'--track={text}: expected NAME=RRGGBB or '
      'NAME=RRGGBB@TOP,LEFT,BOTTOM,RIGHT, such as ball=ececec@34,0,194,160'
    )
  name, colour, *region = found.groups()
  red, green, blue = bytes.fromhex(colour)
  if region[0] is None:
    return Tracked(name, (red, green, blue))
  top, left, bottom, right = map(int, region)
  errors.require(
    top < bottom and left < right,
    '--track',
    text,
    'top above bottom and left of right',
  )
  return Tracked(name, (red, green, blue), (top, left, bottom, right))


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """What heads are measured against.

  Attributes:
    tracked: things, besides all that moves.
  """

  tracked: tuple[Tracked, ...] = options.flag(
    'track',
    [],
    'NAME=RRGGBB or NAME=RRGGBB@TOP,LEFT,BOTTOM,RIGHT: a thing, by its colour '
    'and where it can be, that heads are measured against. In Pong: '
    'player=5cba5c@34,0,194,160.',
    kind='multi_string',
    parse=_parse,
  )

  def check(self, screen: tuple[int, int]) -> None:
    """See `Options.check`: regions are inside the screen."""
    height, width = screen
    for thing in self.tracked:
      if thing.region is not None:
        _, _, bottom, right = thing.region
        errors.require(
          bottom <= height and right <= width,
          '--track',
          f'{thing.name}=...@{",".join(map(str, thing.region))}',
          f'a region within {height} rows and {width} columns',
        )
