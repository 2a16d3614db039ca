"""Directories that cannot be written: full, over a quota, read-only, broken.

The errors of such writes say neither where nor how much was needed, and those
of libraries hide the system's number in a text. Nothing heavy is imported.
"""

import contextlib
import errno
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

from configs import errors

# Room is what is missing; whoever makes some lets the write succeed.
FULL = (errno.ENOSPC, errno.EDQUOT)
# Only writes end in these.
_OF_WRITES = (*FULL, errno.EROFS, errno.EFBIG)
# Reads do, too, and much that is no matter of a disk.
_OF_ANYTHING = (errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM)
# What libraries say in errors without the number.
_IN_WORDS = (*FULL, errno.EROFS)
# As NumPy says that a file took only a part of an array, whatever the reason.
_CUT_SHORT = re.compile(r'\d+ requested and \d+ written')
# What a process needs to say how it ended, and more.
_LEAST_ROOM = 65_536
_UNITS = ((1e9, 'GB'), (1e6, 'MB'), (1e3, 'kB'))


class StorageError(OSError):
  """A directory cannot be written: one line on which, why, and what it takes.

  Its `errno` is that of the system.
  """

  def __init__(self, number: int, text: str):
    """Without the number in its text, which says it in words."""
    super().__init__(text)
    self.errno = number


def explained(
  error: BaseException,
  directory: pathlib.Path | str | None = None,
  needed: int = 0,
  *,
  of_a_write: bool = True,
) -> StorageError | None:
  """The same error with the directory and the room there; None for others.

  Args:
    error: Python's own, or from within a library.
    directory: where it wrote, unless the error names a file elsewhere; None if
      that is not known.
    needed: bytes of the whole write, about; 0 if unknown.
    of_a_write: whether it is known to come from writing in `directory`. Of
      others only those count that reads cannot have.
  """
  link, number = _origin(error)
  if isinstance(link, StorageError):
    return link
  if number is None:
    return None
  place = None if directory is None else pathlib.Path(directory).absolute()
  elsewhere = False
  filename = getattr(link, 'filename', None)
  if isinstance(filename, str | os.PathLike):
    path = pathlib.Path(filename).absolute()
    if place is None or not path.is_relative_to(place):
      place, elsewhere = path.parent, True
  if number in _OF_ANYTHING and (elsewhere or not of_a_write):
    return None
  where = 'a directory' if place is None else str(place)
  if number not in FULL:
    text = f'{where} cannot be written: {os.strerror(number)}'
    return StorageError(number, text)
  facts = [f'about {in_words(needed)} are needed'] if needed else []
  with contextlib.suppress(OSError):
    if place is not None:
      # What was to be written may be a directory itself.
      there = next(path for path in (place, *place.parents) if path.exists())
      facts.append(f'{in_words(shutil.disk_usage(there).free)} are free')
  if number == errno.EDQUOT:
    facts.append('the quota is used up')
  text = f'no room in {where}' + (f' ({", ".join(facts)})' if facts else '')
  return StorageError(number, text)


@contextlib.contextmanager
def explaining(
  directory: pathlib.Path | str, needed: int = 0
) -> Iterator[None]:
  """Raises errors of the disk as `explained` gives them, others as they are.

  Args:
    directory: see `explained`.
    needed: see `explained`.
  """
  try:
    yield
  except Exception as error:
    found = explained(error, directory, needed)
    if found is None or found is error:
      raise
    raise found from error


def require_writable(
  flag: str,
  value: pathlib.Path | str,
  directory: pathlib.Path | str | None = None,
) -> None:
  """Refuses a directory that cannot be written, or made where it is to be.

  Nothing is written. Whether there is room shows only when something is.

  Args:
    flag: that names it, e.g. '--out'.
    value: of the flag.
    directory: what is to be written in, if it is not `value`.

  Raises:
    ConfigError: it is an address, or on the way there is a file, or what this
      user may not write.
  """
  if directory is None and '://' in str(value):
    raise errors.ConfigError(
      f'{flag}={value}: expected a directory; a bucket can be the --logdir of '
      'a run, and the --run of commands that read it'
    )
  path = pathlib.Path(value if directory is None else directory).absolute()
  # A link to nothing is in the way, too.
  there = next(p for p in (path, *path.parents) if os.path.lexists(p))
  if not there.is_dir():
    what = 'a file' if there.exists() else 'a link to nothing'
    raise errors.ConfigError(
      f'{flag}={value}: expected a directory, and {there} is {what}'
    )
  if not os.access(there, os.W_OK | os.X_OK):
    raise errors.ConfigError(
      f'{flag}={value}: {there} cannot be written (it is read-only, or '
      "another user's); expected a directory that can"
    )


def require_new(flag: str, path: pathlib.Path) -> None:
  """Refuses a directory that holds something.

  Args:
    flag: that names it.
    path: of the directory, which need not exist.

  Raises:
    ConfigError: it is not empty, or no directory.
  """
  if path.exists() and not (path.is_dir() and not any(path.iterdir())):
    raise errors.ConfigError(
      f'{flag}={path} exists and is not empty; expected a new directory'
    )


def trouble(directory: pathlib.Path | str) -> str:
  """Why nothing can be written there at this moment, '' if it can.

  Args:
    directory: that exists; gets a small file for a moment.
  """
  path = pathlib.Path(directory) / f'.{os.getpid()}.partial'
  try:
    path.write_bytes(bytes(_LEAST_ROOM))
  except OSError as error:
    return str(explained(error, directory) or error)
  finally:
    with contextlib.suppress(OSError):
      path.unlink()
  return ''


def in_words(num_bytes: float) -> str:
  """E.g. '37.2 MB'."""
  for size, unit in _UNITS:
    if num_bytes >= size:
      return f'{num_bytes / size:.1f} {unit}'
  return f'{num_bytes:.0f} bytes'


def _origin(error: BaseException) -> tuple[BaseException | None, int | None]:
  """What says that something is wrong with the disk, and the system's number.

  Libraries raise errors of their own, from the system's or with its text. The
  text of an error that has a number says nothing.
  """
  link: BaseException | None = error
  while link is not None:
    number = getattr(link, 'errno', None)
    if number is None:
      number = _in_words(str(link))
    if isinstance(link, StorageError) or number in (*_OF_WRITES, *_OF_ANYTHING):
      return link, number
    hidden = link.__suppress_context__
    link = link.__cause__ or (None if hidden else link.__context__)
  return None, None


def _in_words(text: str) -> int | None:
  """The number of what a text says of a disk; None if it says nothing."""
  if _CUT_SHORT.search(text):
    return errno.ENOSPC
  return next((n for n in _IN_WORDS if os.strerror(n) in text), None)
