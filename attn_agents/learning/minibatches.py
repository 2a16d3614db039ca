"""Parts of a batch, each of which is one step of an epoch."""

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.learning import train_state


def order(
  seed: int,
  learner_steps: jax.Array,
  count: int,
  num_epochs: int,
  num_minibatches: int,
) -> jax.Array:
  """Which sequences each step takes; within a pmap over `train_state.AXIS`.

  Each epoch shuffles them anew, and every sequence is in one step of it.

  Args:
    seed: of the run.
    learner_steps: int32 [], of the state before the update.
    count: sequences on this device, a multiple of `num_minibatches`.
    num_epochs: passes over them.
    num_minibatches: steps in each.

  Returns:
    int32 [num_epochs * num_minibatches, count / num_minibatches].
  """
  key = train_state.update_key(seed, learner_steps)
  shuffled = jax.vmap(lambda k: jax.random.permutation(k, count))(
    jax.random.split(key, num_epochs)
  )
  return jnp.reshape(shuffled, (num_epochs * num_minibatches, -1))


def take(tree: types.Nest, index: jax.Array, axis: int) -> types.Nest:
  """The sequences at int32 [M], which lie along `axis` of every array."""
  return jax.tree.map(lambda x: jnp.take(x, index, axis=axis), tree)
