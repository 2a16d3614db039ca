"""The parts of a recording: one file of rows each, checked before it is read.

The format is that of `recording.py`.
"""

import math
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np

from attn_agents import types
from attn_agents.environments import incoming
from configs import errors

PART_ROWS = 256
# What reading a damaged file may raise. zipfile raises RuntimeError at what it
# takes for encrypted, or for compressed in a way that it does not know; NumPy
# raises TokenError at some headers.
UNREADABLE = (
  *(OSError, EOFError, ValueError, KeyError, RuntimeError),
  *(zlib.error, zipfile.BadZipFile, tokenize.TokenError),
)

Headers = dict[str, tuple[tuple[int, ...], np.dtype]]


class RecordingError(errors.ConfigError):
  """There is no recording, or it is damaged or another than expected."""


def first_row(part: pathlib.Path) -> int:
  """The number of its first row, from its name."""
  try:
    return int(part.stem.removeprefix('rows_'))
  except ValueError as error:
    raise damaged(part, 'its name has no number of a row') from error


def load(part: pathlib.Path, names: Sequence[str]) -> dict[str, np.ndarray]:
  """Arrays of a part, by name; the others are not read."""
  try:
    with np.load(part) as arrays:
      return {name: arrays[name] for name in names}
  except UNREADABLE as error:
    raise damaged(part, str(error)) from error


def check_content(part: pathlib.Path) -> Headers:
  """Shape and dtype of each array; reads all, for the checksums."""
  found = {}
  try:
    with zipfile.ZipFile(part) as archive:
      if bad := archive.testzip():
        raise ValueError(f'{bad} is not what was written')
      for member in archive.infolist():
        with archive.open(member) as file:
          read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
          }[np.lib.format.read_magic(file)]
          shape, _, dtype = read(file)
          left = member.file_size - file.tell()
        if left != math.prod(shape) * dtype.itemsize or dtype.hasobject:
          raise ValueError(f'{member.filename} is not {dtype}{list(shape)}')
        found[member.filename.removesuffix('.npy')] = (shape, dtype)
  except UNREADABLE as error:
    raise damaged(part, str(error)) from error
  return found


def damaged(file: pathlib.Path, why: str) -> RecordingError:
  """The error of a file of a recording that cannot be used."""
  return RecordingError(
    f'{file} is damaged ({why}); delete the recording, {file.parent}, and it '
    'is made again'
  )


def check_arrays(
  part: pathlib.Path,
  headers: Headers,
  whole: bool,
  screen_shape: Sequence[int] | None,
  num_actions: int | None,
) -> None:
  """Looks at shapes and dtypes of all arrays, and at values of small ones.

  Args:
    part: the file.
    headers: of its arrays, as `check_content` returns them.
    whole: whether it has to have `PART_ROWS` rows.
    screen_shape: (height, width, 3) if it is known.
    num_actions: if it is known.

  Raises:
    RecordingError: an array is not what a recording has.
  """
  rows = headers['reward'][0][0] if headers['reward'][0] else 0
  if not (rows == PART_ROWS if whole else 1 <= rows <= PART_ROWS):
    raise damaged(part, f'it has {rows} rows')
  shapes = {name: shape for name, (shape, _) in headers.items()}
  if short := [n for n, shape in shapes.items() if shape[:1] != (rows,)]:
    raise damaged(part, f'{short[0]} has not {rows} rows')
  for name in ('frame', 'observation'):
    shape, dtype = headers[name]
    if dtype != np.uint8 or len(shape) != 4:
      raise damaged(part, f'{name} is {dtype}{list(shape)}')
  screen = tuple(screen_shape or shapes['frame'][1:])
  if shapes['frame'][1:] != screen or screen[2:] != (3,):
    raise damaged(part, f'frame is of {list(shapes["frame"][1:])}')
  arrays = load(part, ('reward', 'action', 'step_type'))
  most = np.iinfo(np.int32).max if num_actions is None else num_actions - 1
  for name, kind, low, high in (
    ('reward', np.floating, -np.inf, np.inf),
    ('action', np.integer, 0, most),
    ('step_type', np.integer, min(types.StepType), max(types.StepType)),
  ):
    try:
      incoming.check(name, arrays[name], kind, (rows,), low, high)
    except errors.ConfigError as error:
      raise damaged(part, str(error)) from error
