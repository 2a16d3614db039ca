"""Writing unrolls into the queue and reading them out again."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import jax
import numpy as np
import reverb
import tree

from attn_agents import types
from attn_agents.transport import packing, packing_layout
from attn_agents.transport.reverb import sampling, servers

# How often a blocked writer checks whether to stop.
_FLUSH_TIMEOUT_MS = 500


class QueueSink:
  """The actor's end of the queue: one item per unroll, waits when full."""

  def __init__(self, address: str, should_stop: Callable[[], bool]):
    """Connects, waiting for the server if it is not up yet.

    Args:
      address: 'host:port' of the queue server.
      should_stop: asked while the queue is full; True gives up waiting.
    """
    servers.wait_until_up(address)
    client = reverb.Client(address)
    tables = client.server_info()
    self._packer: packing.Packer | None = None
    if servers.UNPACKED_TABLE in tables:
      self._specs = _specs(tables[servers.UNPACKED_TABLE].signature)
      self._packer = packing.Packer(list(self._specs.values()))
    else:
      self._specs = _specs(tables[servers.QUEUE_TABLE].signature)
    self._writer = client.trajectory_writer(
      num_keep_alive_refs=1, get_signature_timeout_ms=None
    )
    self._should_stop = should_stop

  def insert(self, trajectory: types.Trajectory) -> float:
    """Adds one item; returns the seconds spent waiting for room.

    The arrays are copied, and the item is in the queue, when this returns.

    Raises:
      ValueError: an array is not of the shape and dtype the queue was made
        for, as happens when processes run with different configs.
    """
    leaves, structure = jax.tree.flatten(trajectory)
    leaves = [np.asarray(x) for x in leaves]
    self._check(leaves)
    if self._packer is None:
      step = jax.tree.unflatten(structure, leaves)
    else:
      # Arrays of bytes would lose zeros at the end.
      step = np.array(self._packer.pack(leaves), dtype=object)
    self._writer.append(step)
    self._writer.create_item(
      servers.QUEUE_TABLE,
      priority=1.0,
      trajectory=tree.map_structure(lambda x: x[-1], self._writer.history),
    )
    start = time.monotonic()
    while not self._should_stop():
      try:
        self._writer.flush(timeout_ms=_FLUSH_TIMEOUT_MS)
        break
      except reverb.errors.DeadlineExceededError:
        continue
    return time.monotonic() - start

  def _check(self, leaves: Sequence[np.ndarray]) -> None:
    # The writer has no signature: Reverb would name a column by its number.
    for (name, want), have in zip(self._specs.items(), leaves, strict=True):
      if want.shape != have.shape or want.dtype != have.dtype:
        raise ValueError(
          f'{name} is {have.dtype}{list(have.shape)}, but the queue holds '
          f'{want.dtype}{list(want.shape)}'
        )


def _specs(signature: types.Nest) -> dict[str, packing_layout.ArraySpec]:
  """Shapes and dtypes of a table's arrays, in their order, by name."""
  return {
    x.name: packing_layout.ArraySpec(
      tuple(x.shape), np.dtype(x.dtype.as_numpy_dtype)
    )
    for x in tree.flatten(signature)
  }


class QueueSource:
  """The learner's end of the queue."""

  def __init__(
    self,
    address: str,
    spec: types.Trajectory,
    items: int,
    restore_frames: bool = True,
  ):
    """Connects, waiting for the server if it is not up yet.

    Args:
      address: 'host:port' of the queue server.
      spec: the `types.Trajectory` of shapes that the queue was made with.
      items: trajectories per batch.
      restore_frames: False leaves frames of packed trajectories as
        `frame_changes.Changes`.
    """
    servers.wait_until_up(address)
    self._client = reverb.Client(address)
    self._sampler = sampling.Sampler(address)
    self._structure = jax.tree.structure(spec)
    self._items = items
    self._restore_frames = restore_frames
    self._unpacker: packing.Unpacker | None = None
    if servers.UNPACKED_TABLE in self._client.server_info():
      self._unpacker = packing.Unpacker(tree.flatten(spec))

  def batches(self) -> Iterator[list[types.Trajectory]]:
    """Yields batches of whole items for ever, in the order of arrival.

    Every call to the server asks for exactly the items of one batch, so
    nothing is fetched ahead that could be lost with this iterator. Blocks in
    C++ while the queue is empty: iterate in a thread that may be abandoned.

    Raises:
      compression.DamagedError: an item is not one that a `QueueSink` has
        packed.
    """
    while True:
      items: Iterable[list[np.ndarray]] = self._sampler.sample(
        servers.QUEUE_TABLE, self._items
      )
      if self._unpacker is not None:
        # The server sends the next ones meanwhile.
        received = (packed.item() for (packed,) in items)
        if self._restore_frames:
          items = self._unpacker.unpack(received, self._items)
        else:
          items = map(self._unpacker.read, received)
      # Much faster than `tree.unflatten_as`.
      yield [jax.tree.unflatten(self._structure, item) for item in items]

  def stats(self) -> dict[str, float]:
    """See `interface.TrajectorySource`."""
    return {'queue_depth': self.depth()}

  def save(self, learner_steps: int, at_end: bool) -> None:
    """Nothing: what waits here is as good as never played."""

  def depth(self) -> float:
    """Items waiting in the queue; NaN if the server does not answer at once."""
    try:
      info = self._client.server_info(timeout=1)
    except reverb.errors.DeadlineExceededError:
      # Only a measurement: whether the server lives is not decided here.
      return math.nan
    return info[servers.QUEUE_TABLE].current_size
