"""Where a packed trajectory keeps what.

    other arrays | of each array of frames: row 0, counts | its places, words

All sizes follow from the shapes but those of places and words, of which there
are as many as the counts say.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

# Every part begins at a multiple of it, so that its values are aligned.
_ALIGNMENT = 8
# Of how many words of a row have changed.
COUNT = np.dtype(np.uint32)


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


class Part(NamedTuple):
  """An array that is kept as it is, and where.

  Attributes:
    position: its place among the arrays.
    spec: of it.
    place: of its bytes.
  """

  position: int
  spec: Spec
  place: slice


class Frames(NamedTuple):
  """An array of frames, and where what is left of it is.

  Attributes:
    position: its place among the arrays.
    spec: of it, uint8 [R, N, ...].
    word: the dtype that R rows are compared as.
    words: W, of one row.
    column: the dtype that holds which word of a row it is.
    first: the place of row 0.
    counts: the place of how many words of each other row have changed, uint32.
  """

  position: int
  spec: Spec
  word: np.dtype
  words: int
  column: np.dtype
  first: slice
  counts: slice


class Layout:
  """Where everything is.

  Attributes:
    parts: arrays that are kept as they are.
    frames: the others.
    fixed: bytes of all but the changed words and their places, which follow.
    most: bytes of all if every word has changed.
  """

  def __init__(self, specs: Sequence[Spec]):
    self.parts: list[Part] = []
    self.frames: list[Frames] = []
    self.fixed = 0
    for index, spec in enumerate(specs):
      if not _is_frames(spec):
        self.parts.append(Part(index, spec, self._take(_num_bytes(spec))))
    for index, spec in enumerate(specs):
      if _is_frames(spec):
        self.frames.append(self._lay_out(index, spec))
    self.most = self.fixed + sum(
      changed_bytes(x, (x.spec.shape[0] - 1) * x.words) for x in self.frames
    )

  def _lay_out(self, index: int, spec: Spec) -> Frames:
    rows = spec.shape[0]
    row_bytes = _num_bytes(spec) // rows
    word = next(
      np.dtype(f'u{size}') for size in (8, 4, 2, 1) if row_bytes % size == 0
    )
    words = row_bytes // word.itemsize
    first = self._take(row_bytes)
    counts = self._take((rows - 1) * COUNT.itemsize)
    column = np.min_scalar_type(words - 1)
    return Frames(index, spec, word, words, column, first, counts)

  def _take(self, num_bytes: int) -> slice:
    start = self.fixed
    self.fixed += filled_up(num_bytes)
    return slice(start, start + num_bytes)


def changed_bytes(frames: Frames, number: int) -> int:
  """The bytes that so many changed words take with their places."""
  return filled_up(number * frames.column.itemsize) + filled_up(
    number * frames.word.itemsize
  )


def filled_up(num_bytes: int) -> int:
  """The bytes that so many take, with those that align what follows."""
  return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT


def _is_frames(spec: Spec) -> bool:
  """Rows of pixels; other bytes are too few to look at."""
  return len(spec.shape) > 2 and spec.dtype == np.uint8 and spec.shape[0] > 1


def _num_bytes(spec: Spec) -> int:
  return int(np.prod(spec.shape, dtype=np.int64)) * spec.dtype.itemsize
