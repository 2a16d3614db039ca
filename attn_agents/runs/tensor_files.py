"""Files of named arrays, in the format safetensors: data, and no code.

A file is read only once its size and that of its header are known to be
bounded. Imports no JAX.
"""

import pathlib
from collections.abc import Mapping

import numpy as np

from attn_agents.utils import whole_files
from configs import errors

# A file begins with the size of its header, in this form.
_SIZE_BYTES = 8
# Of networks here, headers have some 100 bytes for each array.
_MOST_HEADER_BYTES = 1_000_000
# Characters of what the library says.
_MOST_OF_CAUSE = 120


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes a file, whole or not at all; equal arrays give equal bytes."""
  from safetensors import numpy as safetensors

  # The library writes others in the order of memory, in silence.
  ordered = {
    name: np.asarray(array, order='C') for name, array in arrays.items()
  }
  with whole_files.replacing(path) as partial:
    partial.write_bytes(safetensors.save(ordered))


def read(path: pathlib.Path, most_bytes: int) -> dict[str, np.ndarray]:
  """The arrays of a file by name; they can be written to.

  Args:
    path: of the file.
    most_bytes: of all arrays together; a larger file is not read.

  Raises:
    ConfigError: there is no such file, or it is damaged, of another format, or
      larger.
  """
  if not path.is_file():
    raise errors.ConfigError(f'{path} is missing; expected a safetensors file')
  size = path.stat().st_size
  if size > most_bytes + _MOST_HEADER_BYTES + _SIZE_BYTES:
    raise errors.ConfigError(
      f'{path} has {size:,} bytes; expected at most {most_bytes:,} of arrays'
    )
  data = path.read_bytes()
  header = int.from_bytes(data[:_SIZE_BYTES], 'little')
  if header > min(_MOST_HEADER_BYTES, len(data) - _SIZE_BYTES):
    raise errors.ConfigError(
      f'{path} is damaged or no safetensors file: its header would have '
      f'{header:,} bytes of {size:,}'
    )
  from safetensors import numpy as safetensors

  try:
    arrays = safetensors.load(data)
  except MemoryError:
    raise
  except Exception as error:
    # Which it is depends on the damage.
    why = ' '.join(f'{type(error).__name__}: {error}'.split())
    raise errors.ConfigError(
      f'{path} is damaged or no safetensors file ({why[:_MOST_OF_CAUSE]})'
    ) from error
  return {name: np.array(array) for name, array in arrays.items()}
