"""How Slurm writes times, memory, GPUs, names and elements of an array."""

import re
from collections.abc import Sequence

from configs import errors

# minutes, m:s, h:m:s, d-h, d-h:m and d-h:m:s, as `man sbatch` has them.
_TIME = re.compile(
  r'(?:(?P<days>\d{1,4})-(?P<dh>\d{1,2})(?::(?P<dm>\d{1,2})'
  r'(?::(?P<ds>\d{1,2}))?)?'
  r'|(?P<h>\d{1,5}):(?P<hm>\d{1,2}):(?P<hs>\d{1,2})'
  r'|(?P<m>\d{1,7})(?::(?P<ms>\d{1,2}))?)'
)
_SECONDS = {
  'days': 86_400, 'dh': 3600, 'dm': 60, 'ds': 1, 'h': 3600, 'hm': 60, 'hs': 1,
  'm': 60, 'ms': 1,
}  # fmt: skip
_TIME_IN_WORDS = re.compile(
  r'(\d+(?:\.\d+)?) ?(s|m|min|h|d)[a-z]*', re.IGNORECASE
)
_UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86_400}
_MEMORY = re.compile(r'[1-9]\d{0,8}[KMGT]?')
_MEMORY_IN_WORDS = re.compile(r'([1-9]\d{0,8}) ?([kmgt])i?b?', re.IGNORECASE)
_GPUS = re.compile(r'(?:[A-Za-z][\w.-]*:)?[1-9]\d{0,2}')
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.+-]*')
_NO_NAME = re.compile(r'[^A-Za-z0-9_.+-]+')
_RANGE = re.compile(r'(\d+)(?:-(\d+)(?::([1-9]\d*))?)?')
_LONGEST_NAME = 100


def seconds(flag: str, value: str) -> int:
  """The seconds of a time limit.

  Raises:
    ConfigError: it is none, with the nearest.
  """
  found = _TIME.fullmatch(value)
  total = sum(
    int(number) * _SECONDS[name]
    for name, number in (found.groupdict() if found else {}).items()
    if number
  )
  if total:
    return total
  near = ''
  words = _TIME_IN_WORDS.fullmatch(value)
  if words:
    near = _written(float(words[1]) * _UNITS[words[2][0].lower()])
  raise errors.ConfigError(
    f'{flag}={value}: expected a time of Slurm, as 90 (minutes), 12:00:00 or '
    '2-00:00:00' + (f'; the nearest is {near}' if near else '')
  )


def _written(seconds: float) -> str:
  minutes = max(1, round(seconds / 60))
  hours, minutes = divmod(minutes, 60)
  days, hours = divmod(hours, 24)
  text = f'{hours:02d}:{minutes:02d}:00'
  return f'{days}-{text}' if days else text


def check_memory(flag: str, value: str) -> None:
  """Raises ConfigError unless it is an amount of memory."""
  if _MEMORY.fullmatch(value):
    return
  words = _MEMORY_IN_WORDS.fullmatch(value)
  near = f'; the nearest is {words[1]}{words[2].upper()}' if words else ''
  raise errors.ConfigError(
    f'{flag}={value}: expected an amount of memory of Slurm, as 64G{near}'
  )


def check_gpus(flag: str, value: str) -> None:
  """Raises ConfigError unless it is a number of GPUs, with or without type."""
  errors.require(
    _GPUS.fullmatch(value) is not None,
    flag,
    value,
    'a number of GPUs, with a type if wanted, as 4 or a100:4',
  )


def check_name(flag: str, value: str) -> None:
  """Raises ConfigError unless Slurm can have something of that name."""
  if len(value) <= _LONGEST_NAME and all(
    _NAME.fullmatch(each) for each in value.split(',')
  ):
    return
  names = (_NO_NAME.sub('-', each).strip('_.+-') for each in value.split(','))
  near = ','.join(filter(None, names))[:_LONGEST_NAME].rstrip('_.+-,')
  raise errors.ConfigError(
    f'{flag}={value}: expected letters, digits, dashes and dots'
    + (f'; the nearest is {near}' if near else '')
  )


def elements(flag: str, value: str, size: int) -> tuple[list[int], int]:
  """The elements of an array, and how many of them may run at a time.

  Args:
    flag: that has it.
    value: as '0-5', '0,7%2' or '%2', which means all of them.
    size: of the array.

  Returns:
    Indices in order, and the number; 0 where it says none.

  Raises:
    ConfigError: it is none of these, or has an element that does not exist.
  """
  which, percent, most = value.partition('%')
  found: set[int] = set()
  parts = which.split(',') if which else [f'0-{size - 1}']
  ranges = [_RANGE.fullmatch(part) for part in parts]
  for match in ranges:
    if match is None:
      break
    first, last = int(match[1]), int(match[2] or match[1])
    if last >= size:
      raise errors.ConfigError(
        f'{flag}={value}: there is no element {last}; expected 0 to {size - 1}'
      )
    found.update(range(first, last + 1, int(match[3] or 1)))
  if not found or None in ranges or (percent and not most.isdigit()):
    raise errors.ConfigError(
      f'{flag}={value}: expected elements of the array and how many run at a '
      f'time, as 0-{size - 1}%4 or %4'
    )
  if percent and not int(most):
    raise errors.ConfigError(
      f'{flag}={value}: expected at least 1 run at a time; the nearest is '
      f'{which}%1'
    )
  return sorted(found), int(most or 0)


def ranges(indices: Sequence[int]) -> str:
  """Elements as Slurm writes them, '0-3,7'; `elements` reads it."""
  found: list[list[int]] = []
  for index in indices:
    if found and found[-1][1] == index - 1:
      found[-1][1] = index
    else:
      found.append([index, index])
  return ','.join(f'{a}-{b}' if a != b else f'{a}' for a, b in found)
