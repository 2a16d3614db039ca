"""Minibatches: parts of a batch, one for each step of an epoch."""

import functools
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from attn_agents.learning import train_state

_Sequences = TypeVar('_Sequences')


def order(
  seed: int,
  learner_steps: jax.Array,
  count: int,
  num_epochs: int,
  num_minibatches: int,
) -> jax.Array:
  """Which sequences each step takes; within a pmap over `train_state.AXIS`.

  Each epoch has an order of its own, and every sequence is in one of its steps.

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


def choose(sequences: _Sequences, index: jax.Array) -> _Sequences:
  """Some of the sequences, whole.

  Args:
    sequences: a NamedTuple of trees of arrays [N, ...] in `agent_state`, and
      [L, N, ...] in all other fields.
    index: int32 [M], which.

  Returns:
    The same with M in place of N.
  """
  named: Any = sequences
  chosen = {}
  for name, tree in named._asdict().items():
    axis = 0 if name == 'agent_state' else 1
    # None is out of bounds, so that nothing has to be filled.
    take = functools.partial(jnp.take, indices=index, axis=axis, mode='clip')
    chosen[name] = jax.tree.map(take, tree)
  return named._replace(**chosen)
