"""Trajectories as few bytes, without loss.

A screen differs little from the one before. So of frames only the first row is
kept whole, then for each further row which words of it have changed, and those
words. All of it, beside the other arrays as they are, is one frame of zstd with
a checksum:

    other arrays | of each array of frames: row 0, marks | its changed words

Both ends know all sizes from the shapes but the number of changed words, which
the marks say.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from attn_agents.transport import compression

# Every part begins at a multiple of it, so that its values are aligned.
_ALIGNMENT = 8
# Arrays of frames that are kept to be used again: as many batches as a learner
# has at a time.
_KEPT = 4
# To an array that only a `_Memory` has, while it looks at it.
_REFERENCES = 3


class Spec(Protocol):
  """Shape and dtype of one array."""

  @property
  def shape(self) -> tuple[int, ...]:
    """Of all axes."""

  @property
  def dtype(self) -> np.dtype:
    """Of the values."""


class ArraySpec(NamedTuple):
  """The plainest `Spec`."""

  shape: tuple[int, ...]
  dtype: np.dtype


class _Part(NamedTuple):
  """An array that is kept as it is, and where.

  Attributes:
    position: its place among the arrays.
    spec: of it.
    place: of its bytes.
  """

  position: int
  spec: Spec
  place: slice


class _Frames(NamedTuple):
  """An array of frames, and where what is left of it is.

  Attributes:
    position: its place among the arrays.
    spec: of it, uint8 [R, N, ...].
    word: the dtype that R rows are compared as.
    words: W, of one row.
    first: the place of row 0.
    marks: the place of the marks, a bit for each word of the other rows.
  """

  position: int
  spec: Spec
  word: np.dtype
  words: int
  first: slice
  marks: slice


class _Layout:
  """Where everything is.

  Attributes:
    parts: arrays that are kept as they are.
    frames: the others.
    fixed: bytes of all but the changed words, which follow.
    most: bytes of all if every word has changed.
  """

  def __init__(self, specs: Sequence[Spec]):
    self.parts: list[_Part] = []
    self.frames: list[_Frames] = []
    self.fixed = 0
    for index, spec in enumerate(specs):
      if not _is_frames(spec):
        self.parts.append(_Part(index, spec, self._take(_num_bytes(spec))))
    for index, spec in enumerate(specs):
      if _is_frames(spec):
        self.frames.append(self._lay_out(index, spec))
    self.most = self.fixed + sum(
      _filled_up((x.spec.shape[0] - 1) * x.words * x.word.itemsize)
      for x in self.frames
    )

  def _lay_out(self, index: int, spec: Spec) -> _Frames:
    rows = spec.shape[0]
    row_bytes = _num_bytes(spec) // rows
    word = next(
      np.dtype(f'u{size}') for size in (8, 4, 2, 1) if row_bytes % size == 0
    )
    words = row_bytes // word.itemsize
    first = self._take(row_bytes)
    marks = self._take(-(-(rows - 1) * words // 8))
    return _Frames(index, spec, word, words, first, marks)

  def _take(self, num_bytes: int) -> slice:
    start = self.fixed
    self.fixed += _filled_up(num_bytes)
    return slice(start, start + num_bytes)


class _Memory:
  """Arrays of frames that are used again once nobody else has them.

  The system takes longer to hand out new memory than frames take to unpack.
  """

  def __init__(self) -> None:
    self._arrays: list[np.ndarray] = []

  def take(self, spec: Spec, number: int) -> np.ndarray:
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

  def __init__(self, specs: Sequence[Spec]):
    """Makes one for arrays of these shapes and dtypes, in this order."""
    self._layout = _Layout(specs)
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
      values = after[changed].view(np.uint8)
      memory[frames.first] = words[: frames.words].view(np.uint8)
      memory[frames.marks] = np.packbits(changed)
      memory[end : end + len(values)] = values
      # What an earlier trajectory has left there would be packed, too.
      filled = end + _filled_up(len(values))
      memory[end + len(values) : filled] = 0
      end = filled
    return self._compressor.compress(memory[:end])


class Unpacker:
  """Inverse of `Packer`; for one thread."""

  def __init__(self, specs: Sequence[Spec]):
    """Makes one for what a `Packer` of the same arrays gives."""
    self._layout = _Layout(specs)
    self._num_arrays = len(specs)
    self._memory = _Memory()
    self._decompressor = compression.Decompressor(
      self._layout.fixed, self._layout.most
    )

  def unpack(self, items: Sequence[bytes]) -> list[list[np.ndarray]]:
    """The arrays of M trajectories.

    Frames [R, N, ...] lie side by side in one array [R, M * N, ...], so that
    whoever joins them has it already. Other arrays cannot be written to.

    Raises:
      compression.DamagedError: an item is not what a `Packer` of such arrays
        has made.
    """
    number = len(items)
    joined = [self._memory.take(x.spec, number) for x in self._layout.frames]
    return [
      self._unpack(item, [np.split(x, number, axis=1)[i] for x in joined])
      for i, item in enumerate(items)
    ]

  def _unpack(
    self, item: bytes, targets: Sequence[np.ndarray]
  ) -> list[np.ndarray]:
    """The arrays of one trajectory, frames in the arrays given for them."""
    memory = self._decompressor.decompress(item)
    arrays: list[np.ndarray] = [np.empty(0)] * self._num_arrays
    for part in self._layout.parts:
      values = memory[part.place].view(part.spec.dtype)
      arrays[part.position] = values.reshape(part.spec.shape)
    start = self._layout.fixed
    for frames, target in zip(self._layout.frames, targets, strict=True):
      start = _restore(frames, memory, start, target)
      arrays[frames.position] = target
    if start != len(memory):
      raise compression.DamagedError(
        f'it holds {len(memory)} bytes, not {start}'
      )
    return arrays


def _restore(
  frames: _Frames, memory: np.ndarray, start: int, target: np.ndarray
) -> int:
  """Makes an array of frames.

  Args:
    frames: which.
    memory: uint8, unpacked.
    start: where its changed words are.
    target: uint8 [R, N, ...], each row of it in one piece.

  Returns:
    Where they end.

  Raises:
    compression.DamagedError: they are not all there.
  """
  places = _places(memory[frames.marks])
  size = len(places) * frames.word.itemsize
  if start + size > len(memory):
    raise compression.DamagedError(
      f'it holds {len(memory)} bytes, not {start + size}'
    )
  changes = memory[start : start + size].view(frames.word)
  firsts = np.arange(1, frames.spec.shape[0]) * frames.words
  ends = np.searchsorted(places, firsts)
  if ends[-1] != len(places):
    raise compression.DamagedError('it marks words that there are not')
  places %= frames.words
  before = target[0].reshape(-1).view(frames.word)
  before[:] = memory[frames.first].view(frames.word)
  begin = 0
  for values, end in zip(target[1:], ends, strict=True):
    row = values.reshape(-1).view(frames.word)
    row[:] = before
    row[places[begin:end]] = changes[begin:end]
    before, begin = row, end
  return start + _filled_up(size)


def _places(marks: np.ndarray) -> np.ndarray:
  """Where the bits of bytes are set, int64; fast where few are."""
  some = np.flatnonzero(marks != 0)
  bits = np.flatnonzero(np.unpackbits(marks[some]).view(np.bool_))
  return some[bits >> 3] * 8 + (bits & 7)


def _is_frames(spec: Spec) -> bool:
  """Rows of pixels; other bytes are too few to look at."""
  return len(spec.shape) > 2 and spec.dtype == np.uint8 and spec.shape[0] > 1


def _as_bytes(array: np.ndarray) -> np.ndarray:
  return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _num_bytes(spec: Spec) -> int:
  return int(np.prod(spec.shape, dtype=np.int64)) * spec.dtype.itemsize


def _filled_up(num_bytes: int) -> int:
  return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT
