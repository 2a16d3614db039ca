"""Reading the small files of an export, which may be damaged or foreign."""

import pathlib

from configs import errors

# Of one table or figure.
_MOST_BYTES = 10_000_000


def read(path: pathlib.Path) -> bytes:
  """A file's bytes.

  Raises:
    ConfigError: there is no such file, or it is much too large.
  """
  if not path.is_file():
    raise errors.ConfigError(f'{path} is missing; expected a file')
  size = path.stat().st_size
  if size > _MOST_BYTES:
    raise errors.ConfigError(
      f'{path} has {size:,} bytes; expected at most {_MOST_BYTES:,}'
    )
  return path.read_bytes()
