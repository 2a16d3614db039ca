"""A replay's arrays and numbers on disk, without pickles."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

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
  directory: pathlib.Path, arrays: Mapping[str, np.ndarray]
) -> dict[str, Any]:
  """Reads into the first rows of arrays; returns the numbers.

  Args:
    directory: from `write`.
    arrays: at least as long as those written, by name.

  Raises:
    ValueError: an array is of another shape or dtype.
  """
  for name, array in arrays.items():
    stored = np.load(directory / f'{name}.npy', mmap_mode='r')
    if stored.dtype != array.dtype or stored.shape[1:] != array.shape[1:]:
      raise ValueError(
        f'{directory / name}.npy is {stored.dtype}{list(stored.shape)}, '
        f'expected {array.dtype}{list(array.shape)}'
      )
    array[: len(stored)] = stored
  return json.loads((directory / _NUMBERS).read_text())
