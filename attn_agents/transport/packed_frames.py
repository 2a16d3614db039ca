"""Single frames as few bytes, without loss, for a replay.

Its sequences begin anywhere, so that no frame can refer to the one before, as
those of `packing` do.
"""

from collections.abc import Sequence

import numpy as np

from attn_agents.transport import compression


class FramePacker:
  """Packs frames of any size; for one thread."""

  def __init__(self) -> None:
    self._compressor = compression.Compressor()

  def pack(self, frames: np.ndarray) -> np.ndarray:
    """Bytes for each frame, object [...], of uint8 [..., H, W, C]."""
    packed = np.empty(frames.shape[:-3], object)
    for place in np.ndindex(packed.shape):
      frame = np.ascontiguousarray(frames[place])
      packed[place] = self._compressor.compress(frame)
    return packed


class FrameUnpacker:
  """Inverse of `FramePacker`; for one thread."""

  def __init__(self, shape: Sequence[int]):
    """Makes one for frames of a shape, [H, W, C]."""
    self._shape = tuple(shape)
    self._size = int(np.prod(self._shape))
    self._decompressor = compression.Decompressor(self._size, self._size)

  def unpack(self, packed: np.ndarray) -> np.ndarray:
    """Frames, uint8 [..., H, W, C], of the bytes of each, object [...].

    Raises:
      compression.DamagedError: some are not those of a frame of this shape.
    """
    frames = np.empty((*packed.shape, *self._shape), np.uint8)
    flat = frames.reshape(-1, self._size)
    for row, item in zip(flat, packed.reshape(-1), strict=True):
      row[:] = self._decompressor.decompress(item)
    return frames
