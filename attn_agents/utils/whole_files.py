"""Files that are written whole, or left as they were.

Neither a kill nor a full disk leaves half of anything where it is read.
"""

import collections
import contextlib
import os
import pathlib
from collections.abc import Iterator

from attn_agents.utils import disk

# Records of a file that wait for room.
_MOST_WAITING = 10_000


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A file beside `path` to write, which takes its place at the end.

  After an error it is removed, and `path` stays as it was. A kill leaves
  `<name>.partial`.

  Args:
    path: of the file, which need not exist.
  """
  partial = path.with_name(f'{path.name}.partial')
  try:
    yield partial
    os.replace(partial, path)
  except BaseException:
    with contextlib.suppress(OSError):
      partial.unlink()
    raise


def append(file: int, data: bytes) -> None:
  """Appends all of `data` to a file, or leaves the file as it was.

  Args:
    file: a descriptor, opened to append.
    data: what no reader may find half of.

  Raises:
    OSError: it could not be written.
  """
  size = os.fstat(file).st_size
  left = memoryview(data)
  try:
    while left:
      left = left[os.write(file, left) :]
  except OSError:
    with contextlib.suppress(OSError):
      os.ftruncate(file, size)
    raise


def overwrite(file: int, data: bytes) -> None:
  """Puts `data` in place of what a file holds, or leaves it as it was.

  Args:
    file: a descriptor, to read and write.
    data: no shorter than what is there.

  Raises:
    OSError: it could not be written.
  """
  size = os.fstat(file).st_size
  old = os.pread(file, size, 0)
  try:
    # First what needs room.
    _write_at(file, data[size:], size)
    _write_at(file, data[:size], 0)
  except OSError:
    with contextlib.suppress(OSError):
      os.ftruncate(file, size)
      _write_at(file, old, 0)
    raise


def _write_at(file: int, data: bytes, offset: int) -> None:
  while data:
    written = os.pwrite(file, data, offset)
    data, offset = data[written:], offset + written


class PatientFile:
  """A file that grows by whole records; those without room wait for the next.

  Attributes:
    trouble: why records wait, and how many are lost; '' if none are.
  """

  def __init__(self, path: pathlib.Path | str):
    """Opens the file, which is made if it does not exist."""
    self._path = pathlib.Path(path)
    self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    self._waiting: collections.deque[bytes] = collections.deque()
    self._lost = 0
    self.trouble = ''

  def append(self, record: bytes) -> None:
    """Adds a record after those that wait; of very many, the oldest is lost.

    How many are is counted in `trouble`.

    Raises:
      OSError: for another reason than the disk.
    """
    if len(self._waiting) == _MOST_WAITING:
      self.flush()
    if len(self._waiting) == _MOST_WAITING:
      self._waiting.popleft()
      self._lost += 1
    self._waiting.append(record)
    self.flush()

  def flush(self) -> None:
    """Tries to write what waits; see `append`."""
    self.trouble = self._loss()
    try:
      while self._waiting:
        append(self._file, self._waiting[0])
        self._waiting.popleft()
    except OSError as error:
      needed = sum(map(len, self._waiting))
      found = disk.explained(error, self._path.parent, needed)
      if found is None:
        raise
      waits = f'{self._path.name} waits: {found}'
      self.trouble = '; '.join(filter(None, (self._loss(), waits)))

  def close(self) -> None:
    """Tries once more, and closes; what still waits is lost, and counted."""
    try:
      self.flush()
    finally:
      os.close(self._file)
      self._lost += len(self._waiting)
      self._waiting.clear()
      self.trouble = self._loss()

  def _loss(self) -> str:
    if not self._lost:
      return ''
    lost = f'lacks {self._lost:,} of its records, for lack of room'
    return f'{self._path.name} {lost}'
