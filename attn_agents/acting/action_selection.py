"""How an action follows from what a network says of each action.

The only place that chooses actions: actors, evaluation, recordings and the live
page all take theirs from here.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attn_agents import types

# (key, logits [..., num_actions], *arguments) -> actions int32 [...].
Select = Callable[..., types.Array]


class Variables(NamedTuple):
  """What actors are sent.

  Attributes:
    params: of the agent.
    selection: arguments of the action selection after key and logits: () for
      `sampled` and `greedy`, (epsilon,) for `epsilon_greedy`.
  """

  params: types.Nest
  selection: tuple[types.Array, ...] = ()


class ActionSelection(NamedTuple):
  """One way to select actions.

  Attributes:
    select: a `Select`.
    log_probs: (logits, *arguments) -> the log-probabilities with which `select`
      takes each action, float32 [..., num_actions], up to a constant.
  """

  select: Select
  log_probs: Callable[..., types.Array]


def sampled(key: types.Array, logits: types.Array) -> jax.Array:
  """An action drawn from softmax(logits)."""
  return jax.random.categorical(key, logits).astype(jnp.int32)


def greedy(key: types.Array, logits: types.Array) -> jax.Array:
  """The first of the likeliest actions; `key` is not used."""
  del key
  return jnp.argmax(logits, axis=-1).astype(jnp.int32)


def epsilon_greedy(
  key: types.Array, values: types.Array, epsilon: types.Array
) -> jax.Array:
  """A random action with probability epsilon, else the most valuable one.

  Args:
    key: PRNG key.
    values: float32 [..., num_actions], of each action; if one is not a number,
      any action is taken.
    epsilon: float32 [].

  Returns:
    int32 [...]; actions of equal value are equally likely.
  """
  # A number of its own: the network may draw from the key as well.
  key = jax.random.fold_in(key, 0)
  log_probs = _epsilon_greedy_log_probs(values, epsilon)
  return jax.random.categorical(key, log_probs).astype(jnp.int32)


def _epsilon_greedy_log_probs(
  values: types.Array, epsilon: types.Array
) -> jax.Array:
  num_actions = values.shape[-1]
  best = values == jnp.max(values, axis=-1, keepdims=True)
  share = best / jnp.sum(best, axis=-1, keepdims=True)
  return jnp.log((1 - epsilon) * share + epsilon / num_actions)


def _greedy_log_probs(logits: types.Array) -> jax.Array:
  return jnp.log(jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1]))


SAMPLED = ActionSelection(sampled, lambda logits: logits)
GREEDY = ActionSelection(greedy, _greedy_log_probs)
EPSILON_GREEDY = ActionSelection(epsilon_greedy, _epsilon_greedy_log_probs)
