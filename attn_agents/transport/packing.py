"""Trajectories as few bytes, without loss.

A screen differs little from the one before. So of frames only the first row is
kept whole, then for each further row which words of it have changed, and those
words. All of it, beside the other arrays as they are, is one frame of zstd with
a checksum. `packing_layout` says what lies where.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from attn_agents.transport import compression, packing_layout

# Arrays of frames that are kept to be used again: as many batches as a learner
# has at a time.
_KEPT = 4
# A row of so many bytes is still in a core's cache when the next is made of it.
_CACHED_BYTES = 1 << 19
# To an array that only a `_Memory` has, while it looks at it.
_REFERENCES = 3


class _Changes(NamedTuple):
  """What is kept of an array of frames.

  Attributes:
    first: row 0, words [W].
    counts: how many words of each of the other rows have changed, [R - 1].
    places: where these are in their row, int64 [K].
    values: the words, [K].
  """

  first: np.ndarray
  counts: np.ndarray
  places: np.ndarray
  values: np.ndarray


class _Content(NamedTuple):
  """What an item holds.

  Attributes:
    arrays: in their places those that are kept as they are.
    changes: of each array of frames.
  """

  arrays: list[np.ndarray]
  changes: list[_Changes]


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


class Packer:
  """Packs trajectories of one kind, in memory of its own: for one thread."""

  def __init__(self, specs: Sequence[packing_layout.Spec]):
    """Makes one for arrays of these shapes and dtypes, in this order."""
    self._layout = packing_layout.Layout(specs)
    self._memory = np.zeros(self._layout.most, np.uint8)
    self._changed = [
      np.empty((x.spec.shape[0] - 1) * x.words, np.bool_)
      for x in self._layout.frames
    ]
    self._compressor = compression.Compressor()

  def pack(self, arrays: Sequence[np.ndarray]) -> bytes:
    """Packs arrays of the shapes and dtypes that it is for."""
    memory = self._memory
    for part in self._layout.parts:
      memory[part.place] = _as_bytes(arrays[part.position])
    end = self._layout.fixed
    for frames, changed in zip(self._layout.frames, self._changed, strict=True):
      flat = _as_bytes(arrays[frames.position])
      words = flat.view(frames.word)
      before, after = words[: -frames.words], words[frames.words :]
      # The one pass over all that there is.
      np.not_equal(before, after, out=changed)
      marks = np.packbits(changed)
      values = after[packing_layout.places_of(marks)].view(np.uint8)
      memory[frames.first] = words[: frames.words].view(np.uint8)
      memory[frames.marks] = marks
      memory[end : end + len(values)] = values
      # What an earlier trajectory has left there would be packed, too.
      filled = end + packing_layout.filled_up(len(values))
      memory[end + len(values) : filled] = 0
      end = filled
    return self._compressor.compress(memory[:end])


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

  def unpack(self, items: Iterable[bytes]) -> list[list[np.ndarray]]:
    """The arrays of M trajectories.

    Each item is decompressed before the next is asked for. Frames [R, N, ...]
    lie side by side in one array [R, M * N, ...], so that whoever joins them
    has it already. Other arrays cannot be written to.

    Raises:
      compression.DamagedError: an item is not what a `Packer` of such arrays
        has made.
    """
    contents = [self._read(item) for item in items]
    number = len(contents)
    arrays = [content.arrays for content in contents]
    for i, frames in enumerate(self._layout.frames):
      joined = self._memory.take(frames.spec, number)
      parts = np.split(joined, number, axis=1)
      envs = frames.spec.shape[1]
      together = max(1, _CACHED_BYTES // frames.row_bytes)
      for start in range(0, number, together):
        some = slice(start, start + together)
        _restore(
          [content.changes[i] for content in contents[some]],
          joined[:, start * envs : (start + together) * envs],
        )
      for each, part in zip(arrays, parts, strict=True):
        each[frames.position] = part
    return arrays

  def _read(self, item: bytes) -> _Content:
    """What an item holds, frames as what has changed."""
    memory = self._decompressor.decompress(item)
    arrays: list[np.ndarray] = [np.empty(0)] * self._num_arrays
    for part in self._layout.parts:
      values = memory[part.place].view(part.spec.dtype)
      arrays[part.position] = values.reshape(part.spec.shape)
    changes, start = [], self._layout.fixed
    for frames in self._layout.frames:
      some, start = _read_changes(frames, memory, start)
      changes.append(some)
    if start != len(memory):
      raise compression.DamagedError(
        f'it holds {len(memory)} bytes, not {start}'
      )
    return _Content(arrays, changes)


def _read_changes(
  frames: packing_layout.Frames, memory: np.ndarray, start: int
) -> tuple[_Changes, int]:
  """What is kept of an array of frames.

  Args:
    frames: which.
    memory: uint8, unpacked.
    start: where its changed words are.

  Returns:
    It, and where its changed words end.

  Raises:
    compression.DamagedError: they are not all there.
  """
  places = packing_layout.places_of(memory[frames.marks])
  size = len(places) * frames.word.itemsize
  if start + size > len(memory):
    raise compression.DamagedError(
      f'it holds {len(memory)} bytes, not {start + size}'
    )
  firsts = np.arange(frames.spec.shape[0]) * frames.words
  ends = np.searchsorted(places, firsts)
  if ends[-1] != len(places):
    raise compression.DamagedError('it marks words that there are not')
  changes = _Changes(
    first=memory[frames.first].view(frames.word),
    counts=np.diff(ends),
    places=places % frames.words,
    values=memory[start : start + size].view(frames.word),
  )
  return changes, start + packing_layout.filled_up(size)


def _restore(changes: Sequence[_Changes], target: np.ndarray) -> None:
  """Makes the frames of some items, side by side.

  Each row is a copy of the one before with its changed words, those of all
  items at once.

  Args:
    changes: of each of M items.
    target: uint8 [R, M * N, ...], each row of it in one piece.
  """
  words = len(changes[0].first)
  counts = np.stack([each.counts for each in changes])
  rows = np.concatenate([_row_numbers(each) for each in counts])
  # Rows of one item are in order; those of all are brought into it.
  order = np.argsort(rows, kind='stable')
  places = np.concatenate(
    [each.places + i * words for i, each in enumerate(changes)]
  )[order]
  values = np.concatenate([each.values for each in changes])[order]
  before = target[0].reshape(-1).view(values.dtype)
  np.concatenate([each.first for each in changes], out=before)
  begin = 0
  ends = counts.sum(axis=0).cumsum()
  for part, end in zip(target[1:], ends, strict=True):
    row = part.reshape(-1).view(values.dtype)
    row[:] = before
    row[places[begin:end]] = values[begin:end]
    before, begin = row, end


def _row_numbers(counts: np.ndarray) -> np.ndarray:
  """0 as often as the first count says, and so on."""
  # Integers of 16 bits are sorted in another, faster way.
  dtype = np.min_scalar_type(len(counts))
  return np.repeat(np.arange(len(counts), dtype=dtype), counts)


def _as_bytes(array: np.ndarray) -> np.ndarray:
  return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
