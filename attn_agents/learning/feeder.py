"""Reads batches in the background and puts them on the learner's devices."""

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax

from attn_agents import types
from attn_agents.learning import batching, placement, screens

# (what was read, number of devices) -> (a batch split over them, its
# description).
Assemble = Callable[[Any, int], tuple[types.Batch, batching.BatchInfo]]


def join_trajectories(
  trajectories: Sequence[types.Trajectory], num_devices: int
) -> tuple[types.Unroll, batching.BatchInfo]:
  """The batch of all these trajectories, [D, T + 1, B / D, ...]."""
  info = batching.describe(trajectories)
  unroll = batching.shard(batching.concatenate(trajectories), num_devices)
  return unroll, info


class Feeder:
  """A thread that keeps a few batches ready on the devices.

  Reading from Reverb blocks in C++ until there is data, so a daemon thread does
  it, which the end of the process does not wait for.
  """

  def __init__(
    self,
    batches: Iterable[Any],
    devices: Sequence[jax.Device],
    prefetch: int,
    assemble: Assemble = join_trajectories,
  ):
    """Starts reading.

    Args:
      batches: an endless source.
      devices: each batch is split evenly over them.
      prefetch: batches kept ready.
      assemble: makes what the source yields into a batch.
    """
    self._batches = batches
    self._assemble = assemble
    self._num_devices = len(devices)
    self._to_devices = placement.sharder(devices)
    self._screens = screens.Restorer(devices)
    self._ready: queue.SimpleQueue = queue.SimpleQueue()
    # Acquired before a batch is read: a batch that waits in this thread would
    # only add to the policy lag.
    self._room = threading.Semaphore(prefetch)
    self._error: BaseException | None = None
    threading.Thread(target=self._run, name='feeder', daemon=True).start()

  def get(
    self, timeout: float
  ) -> tuple[types.Batch, batching.BatchInfo] | None:
    """The next batch, or None if there is none for `timeout` seconds.

    Returns:
      The batch, sharded [D, T + 1, B / D, ...], and its description.

    Raises:
      RuntimeError: the source failed; the cause is chained.
    """
    try:
      batch = self._ready.get(timeout=timeout)
      self._room.release()
      return batch
    except queue.Empty:
      if self._error is not None:
        raise RuntimeError(
          f'reading trajectories failed: {self._error}'
        ) from self._error
      return None

  def _run(self) -> None:
    batches = iter(self._batches)
    try:
      while self._room.acquire():
        batch, info = self._assemble(next(batches), self._num_devices)
        batch = self._screens.restore(self._to_devices(batch))
        self._ready.put((batch, info))
    except StopIteration:
      self._error = EOFError('the source of batches has ended')
    except BaseException as error:
      self._error = error
