"""The trajectory queue of a run in one process."""

import collections
import time
from collections.abc import Callable, Iterator
from threading import Condition

import jax

from attn_agents import types

# How often a blocked writer checks whether to stop.
_LOOK_SECONDS = 0.1


class TrajectoryQueue:
  """First in, first out; every item whole and read exactly once.

  A full queue makes writers wait, so actors can be ahead of the learner by no
  more than its capacity and the one unroll each has in hand. Nothing is
  copied: whoever inserts a trajectory must not write to its arrays afterwards.
  Any thread may call anything.
  """

  def __init__(
    self,
    spec: types.Trajectory,
    capacity: int,
    items: int,
    should_stop: Callable[[], bool],
  ):
    """Starts empty.

    Args:
      spec: shapes and dtypes of one trajectory.
      capacity: trajectories (unrolls of one actor) it holds.
      items: trajectories per batch.
      should_stop: asked while the queue is full; True gives up waiting.
    """
    self._spec = spec
    self._capacity = capacity
    self._num_items = items
    self._should_stop = should_stop
    self._items: collections.deque[types.Trajectory] = collections.deque()
    self._changed = Condition()

  def insert(self, trajectory: types.Trajectory) -> float:
    """Adds one item; returns the seconds spent waiting for room.

    An item that found no room before `should_stop()` is dropped.

    Raises:
      ValueError: an array is not of the shape and dtype the queue is for.
    """
    self._check(trajectory)
    start = time.monotonic()
    with self._changed:
      while len(self._items) >= self._capacity:
        if self._should_stop():
          return time.monotonic() - start
        self._changed.wait(_LOOK_SECONDS)
      self._items.append(trajectory)
      self._changed.notify_all()
    return time.monotonic() - start

  def batches(self) -> Iterator[list[types.Trajectory]]:
    """Yields batches of whole items for ever, in the order of arrival.

    Waits while the queue is empty: iterate in a thread that may be abandoned.
    """
    while True:
      yield [self._take() for _ in range(self._num_items)]

  def make_sink(self) -> 'TrajectoryQueue':
    """Where any actor's unrolls go."""
    return self

  def stats(self) -> dict[str, float]:
    """See `interface.TrajectorySource`."""
    return {'queue_depth': self.depth()}

  def save(self, learner_steps: int, at_end: bool) -> None:
    """Nothing: what waits here is as good as never played."""

  def depth(self) -> float:
    """Items waiting in the queue."""
    return len(self._items)

  def _take(self) -> types.Trajectory:
    with self._changed:
      self._changed.wait_for(lambda: self._items)
      item = self._items.popleft()
      self._changed.notify_all()
      return item

  def _check(self, trajectory: types.Trajectory) -> None:
    want_leaves, want_tree = jax.tree_util.tree_flatten_with_path(self._spec)
    have_leaves, have_tree = jax.tree.flatten(trajectory)
    if want_tree != have_tree:
      raise ValueError(f'the queue holds {want_tree}, not {have_tree}')
    for (path, want), have in zip(want_leaves, have_leaves, strict=True):
      if want.shape != have.shape or want.dtype != have.dtype:
        name = jax.tree_util.keystr(path).lstrip('.')
        raise ValueError(
          f'{name} is {have.dtype}{list(have.shape)}, but the queue holds '
          f'{want.dtype}{list(want.shape)}'
        )
