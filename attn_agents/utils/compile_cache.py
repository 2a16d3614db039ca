"""Keeps what XLA compiled, so that the next start need not compile it again.

JAX has such a cache. This module gives it a directory that is safe to share:
one for each version of jaxlib, kind of CPU and number of cores, since code that
was compiled for another CPU may end a process, and code for other cores is
slow. The cache holds machine code, so nobody else may write there.
"""

import contextlib
import hashlib
import importlib.metadata
import os
import pathlib
import time
import zlib

from attn_agents.utils import machine

DIRECTORY = 'JAX_COMPILATION_CACHE_DIR'
# What compiles in less is not worth a file.
SETTINGS = {'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.2'}
_SUFFIX = '-cache'
_ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
# As old as what was looked at the last time.
_CHECKED = 'checked'
_MOST_BYTES = 1 << 30
# A file that is younger may be being written.
_SETTLED_SECONDS = 120.0


def use() -> None:
  """Lets JAX keep what it compiles; to be called before it is imported.

  Does nothing where the user has named a directory of their own, where there is
  none to write to, or where others may write to it.
  """
  if DIRECTORY in os.environ:
    return
  try:
    directory = place()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_own = _is_own(directory) and os.access(directory, os.W_OK | os.X_OK)
  except (OSError, RuntimeError, importlib.metadata.PackageNotFoundError):
    return
  if is_own:
    os.environ[DIRECTORY] = str(directory)
    for name, value in SETTINGS.items():
      os.environ.setdefault(name, value)


def place() -> pathlib.Path:
  """Where compiled code of this machine, jaxlib and number of cores belongs.

  Raises:
    RuntimeError: the user has no home.
    PackageNotFoundError: there is no jaxlib.
  """
  caches = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  parts = (
    importlib.metadata.version('jaxlib'),
    machine.cpu_info('model name'),
    machine.cpu_info('flags') or machine.cpu_info('Features'),
    str(machine.cores()),
  )
  name = hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]
  return pathlib.Path(caches) / 'attn_agents' / f'xla-{parts[0]}-{name}'


def _is_own(directory: pathlib.Path) -> bool:
  """Whether it is the user's, and nobody else may write there."""
  status = directory.stat()
  return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def tidy(most_bytes: int = _MOST_BYTES) -> None:
  """Removes entries that a kill cut short, and the oldest beyond a size.

  JAX writes them in place. Of one that was cut short it warns at every start,
  and never writes it anew. Only the directory of `place` is looked at; one that
  the user named is theirs.

  Args:
    most_bytes: of all entries together.
  """
  with contextlib.suppress(
    OSError, RuntimeError, importlib.metadata.PackageNotFoundError
  ):
    directory = place()
    if os.environ.get(DIRECTORY) != str(directory):
      return
    checked = directory / _CHECKED
    since = checked.stat().st_mtime if checked.exists() else 0.0
    entries = sorted(directory.glob(f'*{_SUFFIX}'), key=_written, reverse=True)
    # What is younger than this may be being written, and is for the next time.
    until = time.time() - _SETTLED_SECONDS
    for path in entries:
      if since <= _written(path) < until and not _is_whole(path.read_bytes()):
        path.unlink()
    checked.touch()
    os.utime(checked, (until, until))
    room = most_bytes
    for path in entries:
      room -= path.stat().st_size if path.exists() else 0
      if room < 0:
        path.unlink(missing_ok=True)


def _written(path: pathlib.Path) -> float:
  return path.stat().st_mtime


def _is_whole(entry: bytes) -> bool:
  """Whether it can be decompressed; JAX takes zstd where it is installed."""
  try:
    if entry.startswith(_ZSTD_MAGIC):
      import zstandard

      zstandard.ZstdDecompressor().decompress(entry)
    else:
      zlib.decompress(entry)
  except ImportError:
    return True
  except Exception:
    return False
  return True
