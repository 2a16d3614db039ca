"""LSTMs, and scans over time that reset at the first row of an episode."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import dense

# (params, state, inputs of one row) to (state, outputs of that row).
Step = Callable[[Any, Any, Any], tuple[Any, Any]]


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


def num_gates(coupled: bool) -> int:
  """Preactivations per unit, by which `update_by_gates` tells the two apart."""
  return 3 if coupled else 4


def update_by_gates(gates: jax.Array, cell: jax.Array) -> LSTMState:
  """`update_coupled` where there are three gates to a unit, else `update`."""
  coupled = gates.shape[-1] == num_gates(coupled=True) * cell.shape[-1]
  return (update_coupled if coupled else update)(gates, cell)


def update_coupled(gates: jax.Array, cell: jax.Array) -> LSTMState:
  """As `update`, with 1 - the forget gate as input gate.

  The cell is a running mean of candidates, and stays in [-1, 1] however long an
  episode lasts. That of `update` may grow with every row. This is the variant
  CIFG of Greff et al. 2016, "LSTM: A Search Space Odyssey".

  Args:
    gates: float32 [..., 3 * features], preactivations of candidate, forget gate
      and output gate.
    cell: float32 [..., features], the cell before.

  Returns:
    The state after, arrays [..., features].
  """
  candidate, forget_gate, output_gate = jnp.split(gates, 3, axis=-1)
  kept = jax.nn.sigmoid(forget_gate + 1.0)
  cell = kept * cell + (1.0 - kept) * jnp.tanh(candidate)
  return LSTMState(jax.nn.sigmoid(output_gate) * jnp.tanh(cell), cell)


def update(
  gates: jax.Array, cell: jax.Array, forget_bias: float = 1.0
) -> LSTMState:
  """Applies an LSTM's nonlinearities in Haiku's form.

  Args:
    gates: float32 [..., 4 * features], preactivations of input gate, candidate,
      forget gate and output gate.
    cell: float32 [..., features], the cell before.
    forget_bias: added to the forget gate's.

  Returns:
    The state after, arrays [..., features].
  """
  input_gate, candidate, forget_gate, output_gate = jnp.split(gates, 4, axis=-1)
  cell = jax.nn.sigmoid(forget_gate + forget_bias) * cell
  cell += jax.nn.sigmoid(input_gate) * jnp.tanh(candidate)
  return LSTMState(jax.nn.sigmoid(output_gate) * jnp.tanh(cell), cell)


def over_time(
  step: nn.Module, state: types.Nest, inputs: types.Nest
) -> tuple[types.Nest, types.Nest]:
  """Runs a module over the leading axis T of its inputs.

  One row, as acting has it, is run without a loop. The parameters are the same
  either way. Reverse-mode differentiation only.

  Args:
    step: maps (state, inputs of one row) to (state, outputs of one row); rows
      of a batch do not see each other.
    state: tree of [B, ...] arrays before row 0.
    inputs: tree of [T, B, ...] arrays.

  Returns:
    The state after the last row, and the outputs with leading axes [T, B].
  """
  rows = jax.tree_util.tree_leaves(inputs)[0].shape[0]
  if rows == 1 or step.is_initializing():
    first = jax.tree_util.tree_map(lambda x: x[0], inputs)
    after, outputs = step(state, first)
    if rows == 1:
      return after, jax.tree_util.tree_map(lambda x: x[None], outputs)
  unbound = step.clone(parent=None)

  def of_row(params: Any, state: Any, row: Any) -> tuple[Any, Any]:
    return unbound.apply({'params': params}, state, row)

  return scan(of_row, step.variables['params'], state, inputs)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def scan(
  step: Step, params: types.Nest, state: types.Nest, inputs: types.Nest
) -> tuple[types.Nest, types.Nest]:
  """`jax.lax.scan` that computes its parameters' gradients after its loop.

  Adding them up in each step of the loop would cost as much memory traffic as
  there are parameters. Here they come from one pass through `step` over all
  T * B rows at once.

  Args:
    step: maps (params, state, inputs of one row) to (state, outputs).
    params: of `step`.
    state: tree of [B, ...] arrays before row 0.
    inputs: tree of [T, B, ...] arrays.

  Returns:
    As `over_time`.
  """
  return jax.lax.scan(functools.partial(step, params), state, inputs)


def _forward(
  step: Step, params: types.Nest, state: types.Nest, inputs: types.Nest
) -> tuple[tuple[types.Nest, types.Nest], tuple]:
  def run(
    state: types.Nest, inputs: types.Nest, nudges: types.Nest
  ) -> tuple[tuple[types.Nest, types.Nest], types.Nest]:
    def body(before: Any, row: tuple[Any, Any]) -> tuple[Any, tuple[Any, Any]]:
      after, outputs = step(params, before, row[0])
      after = jax.tree_util.tree_map(jnp.add, after, row[1])
      return after, (outputs, before)

    last, (outputs, before) = jax.lax.scan(body, state, (inputs, nudges))
    return (last, outputs), before

  rows = jax.tree_util.tree_leaves(inputs)[0].shape[0]
  # Zeros added to the state after each row: their gradient is that state's.
  nudges = jax.tree_util.tree_map(
    lambda x: jnp.zeros((rows, *x.shape), x.dtype), state
  )
  results, pull_back, before = jax.vjp(run, state, inputs, nudges, has_aux=True)
  return results, (pull_back, params, before, inputs)


def _backward(
  step: Step, residuals: tuple, gradients: tuple[types.Nest, types.Nest]
) -> tuple[types.Nest, types.Nest, types.Nest]:
  pull_back, params, before, inputs = residuals
  into_state, into_inputs, into_after = pull_back(gradients)

  def flatten(tree: types.Nest) -> types.Nest:
    return jax.tree_util.tree_map(
      lambda x: jnp.reshape(x, (-1, *x.shape[2:])), tree
    )

  _, pull_params = jax.vjp(
    lambda params: step(params, flatten(before), flatten(inputs)), params
  )
  (into_params,) = pull_params(flatten((into_after, gradients[1])))
  return into_params, into_state, into_inputs


scan.defvjp(_forward, _backward)


class LSTM(nn.Module):
  """One step of an LSTM with a single bias.

  Attributes:
    features: units.
    coupled: whether the input gate is 1 - the forget gate.
  """

  features: int
  coupled: bool = False

  @nn.compact
  def __call__(self, inputs: jax.Array, state: LSTMState) -> LSTMState:
    """Maps inputs [B, channels] and the state before to the state after."""
    joined = jnp.concatenate([inputs, state.hidden], axis=-1)
    units = num_gates(self.coupled) * self.features
    gates = dense.Dense(units, name='gates')(joined)
    return update_by_gates(gates, state.cell)


class TwoBiasLSTM(nn.Module):
  """One step of an LSTM in Torch's form: a bias for inputs, another for state.

  Attributes:
    features: units.
    spread: all parameters start uniform in [-spread, spread].
  """

  features: int
  spread: float

  @nn.compact
  def __call__(self, inputs: jax.Array, state: LSTMState) -> LSTMState:
    """Maps inputs [B, channels] and the state before to the state after."""

    def make(name: str) -> nn.Dense:
      return dense.Dense(
        4 * self.features,
        kernel_init=self._init,
        bias_init=self._init,
        name=name,
      )

    gates = make('input')(inputs) + make('state')(state.hidden)
    return update(gates, state.cell, forget_bias=0.0)

  @nn.nowrap
  def _init(self, key: jax.Array, shape: tuple, dtype: Any) -> jax.Array:
    return jax.random.uniform(key, shape, dtype, -self.spread, self.spread)
