"""A replay's arrays and numbers on disk, without pickles."""

import json
import pathlib
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from configs import errors

_NUMBERS = 'numbers.json'


def write(
  directory: pathlib.Path,
  arrays: Mapping[str, np.ndarray],
  numbers: Mapping[str, Any],
) -> None:
  """Writes arrays as .npy files, and numbers as JSON.

  Args:
    directory: an existing one.
    arrays: by name.
    numbers: whatever JSON can hold.
  """
  for name, array in arrays.items():
    np.save(directory / f'{name}.npy', array)
  (directory / _NUMBERS).write_text(json.dumps(numbers))


def read(
  directory: pathlib.Path,
  arrays: Mapping[str, np.ndarray],
  numbers: Sequence[str],
) -> dict[str, int]:
  """Reads into the first rows of arrays; returns the numbers.

  Args:
    directory: from `write`.
    arrays: at least as long as those written, by name.
    numbers: names of those that must be there, integers from 0.

  Raises:
    ConfigError: it is damaged, or an array is of another shape or dtype.
  """
  rows: int | None = None
  for name, array in arrays.items():
    file = directory / f'{name}.npy'
    try:
      stored = np.load(file, mmap_mode='r')
    except (OSError, EOFError, ValueError, tokenize.TokenError) as error:
      raise _damaged(directory, f'{file.name}: {error}') from error
    if (
      stored.dtype != array.dtype
      or stored.shape[1:] != array.shape[1:]
      or stored.ndim != array.ndim
      or len(stored) > len(array)
    ):
      raise _damaged(
        directory,
        f'{file.name} is {stored.dtype}{list(stored.shape)}, expected '
        f'{array.dtype}{list(array.shape)} or fewer rows',
      )
    if rows not in (None, len(stored)):
      raise _damaged(
        directory, f'{file.name} has {len(stored)} rows, others have {rows}'
      )
    rows = len(stored)
    array[:rows] = stored
  try:
    found = json.loads((directory / _NUMBERS).read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise _damaged(directory, f'{_NUMBERS}: {error}') from error
  if not isinstance(found, dict):
    raise _damaged(directory, f'{_NUMBERS} is no object in braces')
  for name in numbers:
    if type(found.get(name)) is not int or found[name] < 0:
      raise _damaged(
        directory, f'{name} is {found.get(name)!r}, expected an integer from 0'
      )
  return found


def _damaged(directory: pathlib.Path, why: str) -> errors.ConfigError:
  return errors.ConfigError(
    f'replay {directory} is damaged ({why}); without this directory the run '
    'goes on and fills a new replay'
  )
