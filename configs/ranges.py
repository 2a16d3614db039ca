"""The range of every number of a config.

A section's class gives them in `RANGES`, by field, beside those of the classes
it extends. Both bounds belong to the range. The upper ones are far beyond what
is of use, and near enough that nothing overflows or hangs before memory is
looked at.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from configs import errors

# So many numbers in a tuple, e.g. one for each convolution.
_MOST_NUMBERS = 32
# Steps are counted in int32; one of Atari has 4 frames.
MAX_STEPS = 2_000_000_000
MAX_FRAMES = 4 * MAX_STEPS
# The seconds that threads can wait for are about a hundred times as many.
MAX_SECONDS = 100_000_000.0


class Range(NamedTuple):
  """What a number may be.

  Attributes:
    low, high: the least and the most.
    expected: the same in words, with a reason perhaps; '' for just the bounds.
  """

  low: float
  high: float
  expected: str = ''


SHARE = Range(0.0, 1.0)
UNITS = Range(1, 8192)
CHANNELS = Range(1, 4096)
PIXELS = Range(1, 64)
SECONDS = Range(0.001, MAX_SECONDS)
# Of running means: nearer to 1, float32 takes them for 1.
DECAY = Range(0.0, 0.999999)


def of(section_class: type) -> dict[str, Range]:
  """The ranges of a section's fields, by name."""
  merged: dict[str, Range] = {}
  for base in reversed(section_class.__mro__):
    merged |= vars(base).get('RANGES', {})
  return merged


def check(config: Any) -> None:
  """Raises `errors.ConfigError` if a number of a config is out of its range."""
  for field in dataclasses.fields(config):
    section = getattr(config, field.name)
    if dataclasses.is_dataclass(section):
      check_section(section, f'{field.name}.')
  check_section(config)


def check_section(section: Any, prefix: str = '') -> None:
  """The same of one section.

  A number without a range, of a class from outside, must be finite.

  Args:
    section: a dataclass; fields that are no numbers are passed over.
    prefix: of its fields' names, 'section.', for messages.

  Raises:
    ConfigError: naming the field, its value, the range and the nearest number.
  """
  ranges: Mapping[str, Range] = of(type(section))
  for field in dataclasses.fields(section):
    value = getattr(section, field.name)
    numbers = value if isinstance(value, tuple) else (value,)
    path = prefix + field.name
    errors.require(
      len(numbers) <= _MOST_NUMBERS,
      path,
      value,
      f'at most {_MOST_NUMBERS} numbers',
    )
    for number in numbers:
      if isinstance(number, int | float):
        _check_number(number, path, value, ranges.get(field.name))


def _check_number(
  number: float, path: str, value: object, known: Range | None
) -> None:
  """Raises ConfigError if a number of that field's value is out of range."""
  if known is None:
    # Compared, since an integer may be too large for `math.isfinite`.
    errors.require(abs(number) < math.inf, path, value, 'a finite number')
    return
  low, high, expected = known
  if low <= number <= high:
    return
  expected = expected or f'{_text(low)} to {_text(high)}'
  # NaN is on neither side.
  if number < low or number > high:
    nearest = low if number < low else high
    expected += f'; the nearest is {_text(nearest)}'
  raise errors.ConfigError(f'{path}={value}: expected {expected}')


def _text(bound: float) -> str:
  return str(bound) if isinstance(bound, int) else f'{bound:g}'
