"""LSTMs, and scans over time that reset at the first row of an episode."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types


class LSTMState(NamedTuple):
  """State of an LSTM, convolutional or not: float32 [B, ..., features]."""

  hidden: jax.Array
  cell: jax.Array


def zero_state(shape: tuple[int, ...]) -> LSTMState:
  """The state before anything was seen, for a shape [B, ..., features]."""
  return LSTMState(
    hidden=jnp.zeros(shape, jnp.float32), cell=jnp.zeros(shape, jnp.float32)
  )


def reset(is_first: jax.Array, state: types.Nest) -> types.Nest:
  """Zeroes the rows of a tree of [B, ...] arrays where is_first, bool [B]."""

  def reset_leaf(leaf: jax.Array) -> jax.Array:
    mask = jnp.reshape(is_first, (-1,) + (1,) * (leaf.ndim - 1))
    return jnp.where(mask, jnp.zeros_like(leaf), leaf)

  return jax.tree_util.tree_map(reset_leaf, state)


def update(gates: jax.Array, cell: jax.Array) -> LSTMState:
  """Applies an LSTM's nonlinearities in Haiku's form.

  Args:
    gates: float32 [..., 4 * features], preactivations of input gate, candidate,
      forget gate (to which 1 is added here) and output gate.
    cell: float32 [..., features], the cell before.

  Returns:
    The state after, arrays [..., features].
  """
  input_gate, candidate, forget_gate, output_gate = jnp.split(gates, 4, axis=-1)
  cell = jax.nn.sigmoid(forget_gate + 1.0) * cell
  cell += jax.nn.sigmoid(input_gate) * jnp.tanh(candidate)
  return LSTMState(jax.nn.sigmoid(output_gate) * jnp.tanh(cell), cell)


def over_time(
  step: nn.Module, state: types.Nest, inputs: types.Nest
) -> tuple[types.Nest, types.Nest]:
  """Runs a module over the leading axis T of its inputs.

  One row, as acting has it, is run without a loop. The parameters are the same
  either way.

  Args:
    step: maps (state, inputs of one row) to (state, outputs of one row).
    state: tree of [B, ...] arrays before row 0.
    inputs: tree of [T, B, ...] arrays.

  Returns:
    The state after the last row, and the outputs with leading axes [T, B].
  """
  rows = jax.tree_util.tree_leaves(inputs)[0].shape[0]
  if rows == 1:
    first = jax.tree_util.tree_map(lambda x: x[0], inputs)
    state, outputs = step(state, first)
    return state, jax.tree_util.tree_map(lambda x: x[None], outputs)

  def body(module: nn.Module, carry: Any, row: Any) -> tuple[Any, Any]:
    return module(carry, row)

  scan = nn.scan(
    body, variable_broadcast='params', split_rngs={'params': False}
  )
  return scan(step, state, inputs)


class LSTM(nn.Module):
  """One step of an LSTM with a single bias.

  Attributes:
    features: units.
  """

  features: int

  @nn.compact
  def __call__(self, inputs: jax.Array, state: LSTMState) -> LSTMState:
    """Maps inputs [B, channels] and the state before to the state after."""
    joined = jnp.concatenate([inputs, state.hidden], axis=-1)
    gates = nn.Dense(4 * self.features, name='gates')(joined)
    return update(gates, state.cell)
