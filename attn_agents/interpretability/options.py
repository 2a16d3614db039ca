"""Options of analyses, and the flags that set them.

The options of an analysis are a frozen dataclass that extends `Options`. Those
with flags are in a module of their own, `<analysis>/options.py`, which imports
no JAX and no Matplotlib, so that a wrong flag is refused at once.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

_FLAG = 'flag'


class Flag(NamedTuple):
  """A flag of `launch/analyze.py` that sets one option.

  Attributes:
    name: of the flag, without dashes.
    kind: 'path', or its type as absl calls it: 'integer', 'string', 'list' or
      'multi_string'.
    default: as the flag takes it.
    help: what `--help` says.
    parse: turns what absl read into the option; raises `errors.ConfigError`.
  """

  name: str
  kind: str
  default: Any
  help: str
  parse: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Options:
  """Base of the options of an analysis. Every field has a default."""

  def check(self, screen: tuple[int, int]) -> None:
    """Refuses what does not fit the game.

    Args:
      screen: height and width of its picture.

    Raises:
      ConfigError: naming the flag.
    """


Kind = TypeVar('Kind', bound=Options)


def flag(
  name: str,
  default: Any,
  help_text: str,
  kind: str = 'integer',
  parse: Callable[[Any], Any] = lambda value: value,
) -> Any:
  """A field of an `Options` class that a flag sets; see `Flag`."""
  found = Flag(name, kind, default, help_text, parse)
  return dataclasses.field(
    default_factory=lambda: parse(default), metadata={_FLAG: found}
  )


def flags(kind: type[Options]) -> list[Flag]:
  """The flags of an `Options` class."""
  return [
    field.metadata[_FLAG]
    for field in dataclasses.fields(kind)
    if _FLAG in field.metadata
  ]


def from_flags(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
  """Options as flags say them.

  Args:
    kind: the class.
    values: by the name of each of its flags, what absl read.

  Raises:
    ConfigError: a value is out of its range.
  """
  read = {}
  for field in dataclasses.fields(kind):
    if _FLAG in field.metadata:
      found: Flag = field.metadata[_FLAG]
      read[field.name] = found.parse(values[found.name])
  return kind(**read)
