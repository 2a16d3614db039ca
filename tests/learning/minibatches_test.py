import jax
import jax.numpy as jnp
import numpy as np

from attn_agents.learning import batching, minibatches, train_state
from tests.learning import linear

_EPOCHS, _PARTS, _SEED = 8, 2, 0


def test_every_unroll_is_whole_and_in_one_minibatch_of_an_epoch():
  unroll = batching.shard(linear.make_unroll(0), 1)
  choose = jax.pmap(
    lambda unroll, learner_steps, index: minibatches.choose(
      unroll,
      minibatches.order(_SEED, learner_steps, linear.B, _EPOCHS, _PARTS)[index],
    ),
    axis_name=train_state.AXIS,
    in_axes=(0, None, None),
    devices=jax.devices()[:1],
  )

  def columns(tree, axis):
    return [np.moveaxis(np.asarray(x)[0], axis, 0) for x in tree]

  def rows(part):
    sequences = (*part.timestep, part.action, part.behaviour_logits)
    leaves = columns(sequences, 1) + columns(part.agent_state, 0)
    return list(zip(*leaves, strict=True))

  def places(part):
    """Which unrolls of the batch these are, all of their arrays compared."""
    return [
      next(
        i
        for i, there in enumerate(rows(unroll))
        if all(map(np.array_equal, row, there))
      )
      for row in rows(part)
    ]

  def epochs(learner_steps):
    return [
      [
        places(choose(unroll, learner_steps, np.int32(_PARTS * i + j)))
        for j in range(_PARTS)
      ]
      for i in range(_EPOCHS)
    ]

  first = epochs(jnp.int32(0))
  for one, other in first:
    assert len(one) == len(other) == linear.B // 2
    assert sorted(one + other) == list(range(linear.B))
  assert any(epoch != first[0] for epoch in first)
  assert epochs(jnp.int32(1)) != first
