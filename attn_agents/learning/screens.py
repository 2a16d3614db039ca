"""Screens that devices put together, of what changes from row to row.

A host then writes, and sends its devices, a small part of their bytes.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from attn_agents import frame_changes, types
from attn_agents.learning import train_state

# Changed words that a device is given at a time. A fixed number, so that what
# adds them compiles once; batches differ in how many there are.
_CHUNK = 1 << 16
# Places are int32; those past the last row are of words that there are not.
_MOST_BYTES = np.iinfo(np.int32).max - _CHUNK

_ADDING = lax.ScatterDimensionNumbers(
  update_window_dims=(1,),
  inserted_window_dims=(),
  scatter_dims_to_operand_dims=(0,),
)


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=['first', 'places', 'flips'],
  meta_fields=['shape'],
)
@dataclasses.dataclass(frozen=True)
class Chunks:
  """Frames of a batch, [D, R, B / D, height, width, channels], before they are.

  Attributes:
    first: row 0, uint8 [D, M], M bytes.
    places: of changed words, int32 [D, K] each: where in [R, M] they begin.
      There are more of them than words; the others are outside.
    flips: of the bytes of these words, uint8 [D, K, word]: XORed with those of
      the row before.
    shape: [R, B / D, height, width, channels].
  """

  first: types.Array
  places: Sequence[types.Array]
  flips: Sequence[types.Array]
  shape: tuple[int, ...]


def split(joined: frame_changes.Joined, num_devices: int) -> Chunks | None:
  """What each device is given.

  Args:
    joined: M items of frames [R, N, height, width, channels].
    num_devices: D.

  Returns:
    It, in NumPy arrays; None if items are not whole on each device, or are too
    large.
  """
  each, left = divmod(len(joined.items), num_devices)
  rows, envs, *rest = joined.items[0].shape
  size = joined.items[0].first.nbytes
  if left or rows * each * size > _MOST_BYTES:
    return None
  groups = [joined.items[d * each : (d + 1) * each] for d in range(num_devices)]
  total = max(sum(len(x.columns) for x in group) for group in groups)
  number = -(-total // _CHUNK)
  words = joined.items[0].flips
  places = np.empty((num_devices, number * _CHUNK), np.int32)
  flips = np.empty((num_devices, number * _CHUNK, words.itemsize), np.uint8)
  first = np.empty((num_devices, each * size), np.uint8)
  # None are the same, so that no two words are added in one place.
  outside = rows * each * size + np.arange(_CHUNK, dtype=np.int32)
  for d, group in enumerate(groups):
    end = 0
    of_device = flips[d].reshape(-1).view(words.dtype)
    for i, item in enumerate(group):
      first[d, i * size : (i + 1) * size] = item.first.view(np.uint8)
      begin, end = end, end + len(item.columns)
      _put_places(item, i, each, places[d, begin:end])
      of_device[begin:end] = item.flips
    # What is left of flips is added nowhere.
    for begin in range(end, number * _CHUNK, _CHUNK):
      unused = places[d, begin : begin + _CHUNK]
      unused[:] = outside[: len(unused)]
  parts = [slice(i * _CHUNK, (i + 1) * _CHUNK) for i in range(number)]
  return Chunks(
    first,
    tuple(places[:, x] for x in parts),
    tuple(flips[:, x] for x in parts),
    (rows, each * envs, *rest),
  )


def _put_places(
  item: frame_changes.Changes, index: int, items: int, places: np.ndarray
) -> None:
  """Says where the changed words of an item begin among the rows of all.

  Args:
    item: some of these words.
    index: which item it is.
    items: in all.
    places: int32 [K], where that is written.
  """
  size, word = item.first.nbytes, item.flips.itemsize
  counts = np.diff(item.ends, prepend=0)
  starts = np.arange(1, len(item.ends) + 1) * (items * size) + index * size
  np.multiply(item.columns, word, out=places, dtype=np.int32)
  places += np.repeat(starts.astype(np.int32), counts)


class Restorer:
  """Puts screens together where they are needed, on the devices."""

  def __init__(self, devices: Sequence[jax.Device]):
    """Compiles nothing yet.

    Args:
      devices: of the pmapped update, in its order.
    """
    # With the axis of the update, since newer JAX compiles that again for
    # arrays of another.
    pmap = functools.partial(
      jax.pmap, axis_name=train_state.AXIS, devices=list(devices)
    )
    self._begin = pmap(_begin, static_broadcasted_argnums=1)
    self._add = pmap(_add, donate_argnums=0)
    self._finish = pmap(_finish, static_broadcasted_argnums=1)

  def restore(self, batch: types.Nest) -> types.Nest:
    """A tree in which `Chunks` on the devices have become frames."""
    return jax.tree.map(
      lambda x: self._frames(x) if isinstance(x, Chunks) else x,
      batch,
      is_leaf=lambda x: isinstance(x, Chunks),
    )

  def _frames(self, chunks: Chunks) -> jax.Array:
    frames = self._begin(chunks.first, chunks.shape[0])
    for places, flips in zip(chunks.places, chunks.flips, strict=True):
      frames = self._add(frames, places, flips)
    return self._finish(frames, chunks.shape)


def _begin(first: jax.Array, rows: int) -> jax.Array:
  """Row 0 [M], and rows in which nothing changes, uint8 [R * M]."""
  changed = jnp.zeros((rows, *first.shape), first.dtype)
  return changed.at[0].set(first).reshape(-1)


def _add(changed: jax.Array, places: jax.Array, flips: jax.Array) -> jax.Array:
  """Puts words [K, word] where they belong among bytes [R * M]."""
  # Words as windows: arrays of few bytes a row are large on a TPU.
  return lax.scatter(
    changed,
    places[:, jnp.newaxis],
    flips,
    _ADDING,
    unique_indices=True,
    mode=lax.GatherScatterMode.FILL_OR_DROP,
  )


def _finish(changed: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Frames, of what changes from row to row.

  Args:
    changed: uint8 [R * M].
    shape: of the frames, [R, B, height, width, channels].
  """
  # Few channels alone in the last axis are large on a TPU.
  steps = changed.reshape(*shape[:-2], shape[-2] * shape[-1])

  def step(before: jax.Array, flips: jax.Array) -> tuple[jax.Array, jax.Array]:
    row = before ^ flips
    return row, row

  _, frames = lax.scan(step, jnp.zeros_like(steps[0]), steps)
  return frames.reshape(shape)
