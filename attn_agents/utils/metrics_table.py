"""Reads metrics.csv: whole, or only its newest row.

Imports only the standard library, and errors.
"""

import csv
import math
import os
import pathlib

from configs import errors

Row = dict[str, float]

# More than any row needs.
_TAIL_BYTES = 4096


def read(path: pathlib.Path | str) -> list[Row]:
  """All rows; none if there is no file. Empty cells become NaN.

  A last line that a crash cut short is left out.

  Raises:
    ConfigError: it is no such table.
  """
  if not os.path.exists(path):
    return []
  try:
    with open(path, newline='') as file:
      lines = [line for line in file if line.endswith('\n')]
    return [
      _row(row) for row in csv.DictReader(lines) if None not in row.values()
    ]
  except (ValueError, TypeError, csv.Error, IsADirectoryError) as error:
    raise _damaged(path, error) from error


def last(path: pathlib.Path | str) -> Row | None:
  """The newest complete row, None if there is none; reads only the tail.

  Raises:
    ConfigError: it is no such table.
  """
  if not os.path.exists(path):
    return None
  try:
    return _last(path)
  except (ValueError, TypeError, csv.Error, IsADirectoryError) as error:
    raise _damaged(path, error) from error


def _last(path: pathlib.Path | str) -> Row | None:
  with open(path, 'rb') as file:
    header = file.readline()
    start = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(max(start, size - _TAIL_BYTES))
    complete = file.read().rpartition(b'\n')[0]
  newest = complete.rpartition(b'\n')[2]
  rows = csv.DictReader([header.decode(), newest.decode()])
  row = next(rows, None)
  return None if row is None or None in row.values() else _row(row)


def _row(texts: dict[str, str]) -> Row:
  return {
    name: float(text) if text else math.nan for name, text in texts.items()
  }


def _damaged(path: pathlib.Path | str, error: Exception) -> errors.ConfigError:
  return errors.ConfigError(
    f'{path} is damaged ({error}); expected a table of numbers with commas'
  )
