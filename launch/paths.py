"""Flags that are paths: `~` is the home directory in all of them.

Shells leave the `~` of `--logdir=~/runs` as it is.
"""

import pathlib
from typing import Any

from absl import flags

# `--help` lists a flag under the command that defines it through this module.
flags.disclaim_key_flags()


class _PathParser(flags.ArgumentParser):
  """Reads a path."""

  syntactic_help = 'a path'

  def parse(self, argument: str) -> str:
    """The path with the home directory in place of `~`."""
    return _expand(argument)


class _PathsParser(flags.ListParser):
  """Reads paths separated by commas."""

  def parse(self, argument: str | list[str]) -> list[str]:
    """The paths with the home directory in place of `~`."""
    return [_expand(path) for path in super().parse(argument)]


def define(name: str, default: str | None, text: str) -> Any:
  """Defines a flag that is a path.

  Args:
    name: of the flag.
    default: its value if unset.
    text: what `--help` says.

  Returns:
    Its holder, with a str or None as value. A `~user` that does not exist is
    bad input.
  """
  return flags.DEFINE(
    _PathParser(), name, default, text, serializer=flags.ArgumentSerializer()
  )


def define_list(name: str, default: list[str] | None, text: str) -> Any:
  """Defines a flag that is paths separated by commas; see `define`."""
  return flags.DEFINE(
    _PathsParser(),
    name,
    default,
    text,
    serializer=flags.CsvListSerializer(','),
  )


def _expand(path: str) -> str:
  """The path with the home directory in place of a leading `~` or `~user`.

  Raises:
    ValueError: there is no such home directory.
  """
  if not path.startswith('~'):
    return path
  try:
    return str(pathlib.Path(path).expanduser())
  except RuntimeError:
    home = pathlib.Path(path).parts[0]
    raise ValueError(
      f'{home} is no home directory; a path that begins with {home} is ./{path}'
    ) from None
