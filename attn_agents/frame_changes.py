"""Frames as their first row, and what changes from each row to the next."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Changes:
  """An array of frames, uint8 [R, N, ...], whose rows are W words each.

  Attributes:
    shape: [R, N, ...].
    first: row 0, words [W].
    ends: where the changed words of each of the other rows end, [R - 1].
    columns: which words of their row they are, unsigned [K].
    flips: which of their bits change: each word XORed with that of the row
      before, [K].
  """

  shape: tuple[int, ...]
  first: np.ndarray
  ends: np.ndarray
  columns: np.ndarray
  flips: np.ndarray

  def restore(self, target: np.ndarray) -> None:
    """Makes the frames.

    Args:
      target: uint8 [R, N, ...], each row of it in one piece.
    """
    # A view, since each row is in one piece.
    rows = target.reshape(len(target), -1).view(self.flips.dtype)
    rows[0] = self.first
    # Indices of other integers are converted at every use.
    columns = self.columns.astype(np.intp)
    begin = 0
    for before, row, end in zip(rows, rows[1:], self.ends, strict=False):
      row[:] = before
      row[columns[begin:end]] ^= self.flips[begin:end]
      begin = end


@dataclasses.dataclass(frozen=True, eq=False)
class Joined:
  """Frames of several items of one shape, side by side.

  Attributes:
    items: of each, in their order.
  """

  items: Sequence[Changes]

  @property
  def shape(self) -> tuple[int, ...]:
    """[R, B, ...], of all items' frames."""
    rows, envs, *rest = self.items[0].shape
    return (rows, envs * len(self.items), *rest)

  def restore(self, frames: np.ndarray | None = None) -> np.ndarray:
    """The frames, uint8 [R, B, ...], in such an array if there is one."""
    if frames is None:
      frames = np.empty(self.shape, np.uint8)
    parts = np.split(frames, len(self.items), axis=1)
    for item, part in zip(self.items, parts, strict=True):
      item.restore(part)
    return frames
