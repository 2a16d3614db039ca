"""Trajectories as few bytes, without loss.

A screen differs little from the one before. So of frames only the first row is
kept whole, then for each further row which words of it have changed, as
distances from one to the next, and which of their bits (`frame_changes`). All
of it, beside the other arrays as they are, is one frame of zstd with a
checksum. `packing_layout` says what lies where.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from attn_agents import frame_changes
from attn_agents.transport import compression, packing_layout

# Arrays of frames that are kept to be used again: as many batches as a learner
# has at a time.
_KEPT = 4
# To an array that only a `_Memory` has, while it looks at it.
_REFERENCES = 3


class _Memory:
  """Arrays of frames that are used again once nobody else has them.

  The system takes longer to hand out new memory than frames take to unpack.
  """

  def __init__(self) -> None:
    self._arrays: list[np.ndarray] = []

  def take(self, spec: packing_layout.Spec, number: int) -> np.ndarray:
    """An array [R, number * N, ...] for frames [R, N, ...] of each item."""
    rows, envs, *rest = spec.shape
    shape = (rows, number * envs, *rest)
    for array in self._arrays:
      # Whoever has a part of it, or has it on a device, counts.
      if array.shape == shape and sys.getrefcount(array) == _REFERENCES:
        return array
    array = np.empty(shape, spec.dtype)
    self._arrays = [*self._arrays[1 - _KEPT :], array]
    return array


class _Comparison:
  """Finds what has changed, in memory of its own.

  The system takes longer to hand out new memory than words take to compare.
  """

  def __init__(self, frames: packing_layout.Frames):
    self._frames = frames
    number = (frames.spec.shape[0] - 1) * frames.words
    # Integers of 64 bits are compared in another, slower way.
    self._part = min(frames.word, np.dtype(np.uint32))
    parts = frames.word.itemsize // self._part.itemsize
    self._parts_differ = np.empty(number * parts, np.bool_)
    self._differ = np.empty(number, np.bool_)
    self._all_parts = np.dtype(f'u{parts}')

  def changes(
    self, rows: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which words differ from those of the row before.

    Args:
      rows: words, [R, W].

    Returns:
      Where the changed words of each row but the first end, [R - 1], which
      words of their row they are, [K], and these XORed with those before, [K].
    """
    before, after = (x.reshape(-1) for x in (rows[:-1], rows[1:]))
    np.not_equal(
      before.view(self._part), after.view(self._part), out=self._parts_differ
    )
    parts_differ = self._parts_differ.view(self._all_parts)
    places = np.flatnonzero(np.not_equal(parts_differ, 0, out=self._differ))
    starts = np.arange(len(rows)) * self._frames.words
    ends = np.searchsorted(places, starts)
    columns = places - np.repeat(starts[:-1], np.diff(ends))
    flips = after[places] ^ before[places]
    return ends[1:], columns.astype(self._frames.column), flips


class Packer:
  """Packs trajectories of one kind, in memory of its own: for one thread."""

  def __init__(self, specs: Sequence[packing_layout.Spec]):
    """Makes one for arrays of these shapes and dtypes, in this order."""
    self._layout = packing_layout.Layout(specs)
    self._memory = np.zeros(self._layout.most, np.uint8)
    self._comparisons = [_Comparison(x) for x in self._layout.frames]
    self._compressor = compression.Compressor()

  def pack(self, arrays: Sequence[np.ndarray]) -> bytes:
    """Packs arrays of the shapes and dtypes that it is for."""
    memory = self._memory
    for part in self._layout.parts:
      memory[part.place] = _as_bytes(arrays[part.position])
    end = self._layout.fixed
    for frames, comparison in zip(
      self._layout.frames, self._comparisons, strict=True
    ):
      flat = _as_bytes(arrays[frames.position])
      rows = flat.view(frames.word).reshape(-1, frames.words)
      ends, columns, flips = comparison.changes(rows)
      memory[frames.first] = rows[0].view(np.uint8)
      counts = np.diff(ends, prepend=0).astype(packing_layout.COUNT)
      memory[frames.counts] = counts.view(np.uint8)
      # Distances repeat more often than places; those to an earlier place wrap.
      gaps = np.diff(columns, prepend=columns.dtype.type(0))
      end = self._put(end, gaps)
      end = self._put(end, flips)
    return self._compressor.compress(memory[:end])

  def _put(self, start: int, values: np.ndarray) -> int:
    """Adds values to what is packed; returns where the next begin."""
    data = values.view(np.uint8)
    end = start + len(data)
    filled = start + packing_layout.filled_up(len(data))
    self._memory[start:end] = data
    # What an earlier trajectory has left there would be packed, too.
    self._memory[end:filled] = 0
    return filled


class Unpacker:
  """Inverse of `Packer`; for one thread."""

  def __init__(self, specs: Sequence[packing_layout.Spec]):
    """Makes one for what a `Packer` of the same arrays gives."""
    self._layout = packing_layout.Layout(specs)
    self._num_arrays = len(specs)
    self._memory = _Memory()
    self._decompressor = compression.Decompressor(
      self._layout.fixed, self._layout.most
    )

  def unpack(
    self, items: Iterable[bytes], number: int
  ) -> list[list[np.ndarray]]:
    """The arrays of so many trajectories.

    Each item is unpacked before the next is asked for. Frames [R, N, ...] lie
    side by side in one array [R, number * N, ...], so that whoever joins them
    has it already.

    Raises:
      compression.DamagedError: an item is not what a `Packer` of such arrays
        has made.
    """
    joined = [self._memory.take(x.spec, number) for x in self._layout.frames]
    split = [np.split(x, number, axis=1) for x in joined]
    targets = [[parts[i] for parts in split] for i in range(number)]
    unpacked = []
    for item, frames in zip(items, targets, strict=True):
      arrays = self.read(item)
      for kind, target in zip(self._layout.frames, frames, strict=True):
        arrays[kind.position].restore(target)
        arrays[kind.position] = target
      unpacked.append(arrays)
    return unpacked

  def read(self, item: bytes) -> list[Any]:
    """The arrays of one trajectory; of frames `frame_changes.Changes`.

    Raises:
      compression.DamagedError: see `unpack`.
    """
    memory = self._decompressor.decompress(item)
    arrays: list[Any] = [None] * self._num_arrays
    for part in self._layout.parts:
      # A view of it would keep all of what was decompressed.
      values = memory[part.place].view(part.spec.dtype).copy()
      arrays[part.position] = values.reshape(part.spec.shape)
    start = self._layout.fixed
    for frames in self._layout.frames:
      arrays[frames.position], start = _read_changes(frames, memory, start)
    if start != len(memory):
      raise compression.DamagedError(
        f'it holds {len(memory)} bytes, not {start}'
      )
    return arrays


def _read_changes(
  frames: packing_layout.Frames, memory: np.ndarray, start: int
) -> tuple[frame_changes.Changes, int]:
  """What is kept of an array of frames.

  Args:
    frames: which.
    memory: uint8, unpacked.
    start: where the places of its changed words are.

  Returns:
    It, and where its changed words end.

  Raises:
    compression.DamagedError: they are not all there, or are outside a row.
  """
  counts = memory[frames.counts].view(packing_layout.COUNT)
  ends = np.cumsum(counts, dtype=np.int64)
  number = int(ends[-1])
  end = start + packing_layout.changed_bytes(frames, number)
  if end > len(memory):
    raise compression.DamagedError(f'it holds {len(memory)} bytes, not {end}')
  size = number * frames.column.itemsize
  gaps = memory[start : start + size].view(frames.column)
  columns = np.cumsum(gaps, dtype=frames.column)
  if number and columns.max() >= frames.words:
    raise compression.DamagedError('it changes words that there are not')
  start += packing_layout.filled_up(size)
  size = number * frames.word.itemsize
  found = frame_changes.Changes(
    shape=tuple(frames.spec.shape),
    first=memory[frames.first].view(frames.word),
    ends=ends,
    columns=columns,
    flips=memory[start : start + size].view(frames.word),
  )
  return found, end


def _as_bytes(array: np.ndarray) -> np.ndarray:
  return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
