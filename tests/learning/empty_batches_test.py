"""Batches of nothing are laid out as those that are learned from."""

import jax
import numpy as np

from attn_agents import types
from attn_agents.learning import batching, empty_batches, feeder
from attn_agents.transport import sequences
from tests import replays, trajectories


def _check(made, batch):
  empty, info = made
  assert jax.tree.structure(empty) == jax.tree.structure(batch)
  for have, want in zip(
    jax.tree.leaves(empty), jax.tree.leaves(batch), strict=True
  ):
    assert (have.shape, have.dtype) == (want.shape, want.dtype)
    assert not np.any(have)
  # So no transition counts.
  assert np.all(empty.timestep.step_type == types.StepType.FIRST)
  assert info.agent_steps == 0 and not info.versions.size


def test_of_a_queue():
  items = [trajectories.numbered(i) for i in range(3)]
  batch, _ = feeder.join_trajectories(items, 1)
  spec = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype), items[0]
  )
  devices = jax.local_devices()[:1]
  _check(empty_batches.of_queue(spec, 3, devices), batch)


def test_of_a_replay():
  item, length, size = replays.Player(0).unroll(), 4, 6
  row = replays.row_spec(1)
  rows = sequences.Row(
    *(np.ones((length + 1, size, *x.shape), x.dtype) for x in row)
  )
  batch = sequences.join(sequences.Sampled(rows, []), 1, length)
  devices = jax.local_devices()[:1]
  _check(
    empty_batches.of_replay(item, length, size, devices),
    batching.shard_replay(batch, 1),
  )
