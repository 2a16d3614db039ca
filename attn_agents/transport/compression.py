"""Bytes as fewer bytes: frames of zstd with a checksum.

Whoever unpacks says how many bytes there can be, and gets no more.
"""

import numpy as np

# Higher ones take longer, and make screens hardly smaller.
_LEVEL = 1


class DamagedError(ValueError):
  """Bytes that are not a packed trajectory of the shapes expected."""

  def __init__(self, why: object):
    super().__init__(f'a trajectory is damaged: {why}')


class Compressor:
  """For one thread."""

  def __init__(self) -> None:
    # Only runs that pack need it.
    import zstandard

    self._compressor = zstandard.ZstdCompressor(
      level=_LEVEL, write_checksum=True
    )

  def compress(self, data: np.ndarray) -> bytes:
    """Packs an array that is in one piece."""
    return self._compressor.compress(data.data)


class Decompressor:
  """Inverse of `Compressor`; for one thread."""

  def __init__(self, least: int, most: int):
    """Makes one for contents of so many bytes."""
    import zstandard

    self._least, self._most = least, most
    self._zstandard = zstandard
    self._decompressor = zstandard.ZstdDecompressor()

  def decompress(self, item: bytes) -> np.ndarray:
    """What an item holds, uint8 [N], which cannot be written to.

    Raises:
      DamagedError: it says a size that there cannot be, or is damaged.
    """
    least, most = self._least, self._most
    try:
      size = self._zstandard.get_frame_parameters(item).content_size
      if not least <= size <= most:
        expected = least if least == most else f'{least} to {most}'
        raise DamagedError(f'it holds {size} bytes, not {expected}')
      content = self._decompressor.decompress(item, allow_extra_data=False)
    except self._zstandard.ZstdError as error:
      raise DamagedError(error) from error
    return np.frombuffer(content, np.uint8)
