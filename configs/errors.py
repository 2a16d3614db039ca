"""The one error that bad input ends in: a single line, then exit code 2.

And the nearest valid numbers, which such lines name.
"""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
  """Bad input. The message is one line that says what to do."""


def unknown(what: str, value: str, choices: Iterable[str]) -> ConfigError:
  """An error for a name that does not exist, with the nearest one that does.

  Args:
    what: the kind of name, e.g. 'game'.
    value: what was given.
    choices: every valid name.
  """
  choices = list(choices)
  close = difflib.get_close_matches(value.lower(), choices, cutoff=0.4)
  if close:
    return ConfigError(f"unknown {what} '{value}'; did you mean '{close[0]}'?")
  listed = ', '.join(choices[:12]) + (', ...' if len(choices) > 12 else '')
  return ConfigError(f"unknown {what} '{value}'; expected one of {listed}")


def require(ok: bool, field: str, value: object, expected: str) -> None:
  """Raises ConfigError('field=value: expected ...') unless `ok`."""
  if not ok:
    raise ConfigError(f'{field}={value}: expected {expected}')


def choice(field: str, value: str, choices: tuple[str, ...]) -> None:
  """Raises ConfigError with the nearest choice unless `value` is one."""
  if value not in choices:
    raise unknown(f'value of {field}', value, choices)


def nearest_divisor(number: int, near: int, least: float = 1) -> int:
  """The divisor of `number` closest to `near`; of two, the larger.

  Args:
    number: what is divided.
    near: the preferred divisor.
    least: smaller divisors are not considered; at most `number`.
  """
  divisors = [d for d in range(1, number + 1) if number % d == 0 and d >= least]
  return min(divisors, key=lambda d: (abs(d - near), -d))


def nearest_multiple(number: int, of: int) -> int:
  """The positive multiple of `of` closest to `number`."""
  return max(1, round(number / of)) * of
