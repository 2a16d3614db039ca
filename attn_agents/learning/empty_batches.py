"""Batches of which nothing is learned, for a host that has none in time.

All is zero: every row is the first of an episode, so no transition counts.
"""

from collections.abc import Sequence

import jax
import numpy as np

from attn_agents import types
from attn_agents.learning import batching, placement

_Made = tuple[types.Batch, batching.BatchInfo]


def of_queue(
  item: types.Trajectory, num_items: int, devices: Sequence[jax.Device]
) -> _Made:
  """As a batch from a queue.

  Args:
    item: shapes and dtypes of an item.
    num_items: in this host's share of a batch.
    devices: of this host.
  """
  empty = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), item)
  whole = batching.concatenate([empty] * num_items)
  return _place(batching.shard(whole, len(devices)), devices)


def of_replay(
  item: types.Trajectory,
  length: int,
  batch_size: int,
  devices: Sequence[jax.Device],
) -> _Made:
  """As a batch from a replay.

  Args:
    item: shapes and dtypes of what an actor inserts.
    length: transitions of a sequence.
    batch_size: sequences in this host's share of a batch.
    devices: of this host.
  """

  def rows(x: types.Array, count: int) -> np.ndarray:
    return np.zeros((count, batch_size, *x.shape[2:]), x.dtype)

  whole = types.ReplayBatch(
    timestep=jax.tree.map(lambda x: rows(x, length + 1), item.unroll.timestep),
    action=rows(item.unroll.action, length),
    new_steps=np.int32(0),
  )
  return _place(batching.shard_replay(whole, len(devices)), devices)


def _place(batch: types.Batch, devices: Sequence[jax.Device]) -> _Made:
  put = placement.sharder(devices)
  return put(batch), batching.describe_reports([])
