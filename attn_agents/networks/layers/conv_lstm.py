"""A convolutional LSTM over time that does little inside its loop.

What depends on the inputs alone is computed for all rows before the loop. The
gradient's loop computes only what the row before needs; the kernel's gradient
is one convolution over all rows after it.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents.networks.layers import conv_functions, convolution, recurrent

_KERNEL_SIZE = (3, 3)


class ConvLSTM(nn.Module):
  """A 3 x 3 ConvLSTM over time (Shi et al. 2015, without peepholes).

  Attributes:
    features: channels of the state.
    method: one of `conv_functions.METHODS`.
    dtype: of convolutions and gates; state and nonlinearities are float32.
    remat: keep only inputs and states for the backward pass and compute the
      gates again there, which is more work. Gates have 3 or 4 times as many
      channels in every row, and are by far the largest arrays of the agent.
    gain: the inputs' kernel starts this many times as large as Flax's.
    coupled: whether the input gate is 1 - the forget gate.
    forget_bias: what the forget gate's bias starts from. `recurrent.update`
      adds 1, so 1 is a parameter of 0.
  """

  features: int
  method: str = 'auto'
  dtype: Any = jnp.float32
  remat: bool = False
  gain: float = 1.0
  coupled: bool = False
  forget_bias: float = 1.0

  @nn.compact
  def __call__(
    self, inputs: jax.Array, is_first: jax.Array, state: recurrent.LSTMState
  ) -> tuple[jax.Array, recurrent.LSTMState]:
    """Runs over T rows.

    Args:
      inputs: float [T, B, height, width, channels].
      is_first: bool [T, B]; the state is zeroed before these rows.
      state: float32 [B, height, width, features] before row 0.

    Returns:
      The hidden states float32 [T, B, height, width, features] and the last
      state.
    """
    method = conv_functions.resolve_method(self.method)
    channels = recurrent.num_gates(self.coupled) * self.features
    sizes = (channels, _KERNEL_SIZE, self.dtype)
    kernel_init = convolution.scaled_init(self.gain)
    kernel_x, bias_x = convolution.Weights(
      *sizes, kernel_init, self._initial_bias, name='conv_x'
    )(inputs.shape[-1])
    kernel_h, bias_h = convolution.Weights(*sizes, name='conv_h')(self.features)

    def gates_of(rows: jax.Array) -> jax.Array:
      rows = rows.astype(self.dtype)
      gates = conv_functions.convolve(rows, kernel_x, method)
      return conv_functions.add_bias(gates, bias_x + bias_h)

    if self.remat and inputs.shape[0] > 1:

      @jax.checkpoint
      def step(
        state: recurrent.LSTMState, row: tuple[jax.Array, jax.Array]
      ) -> tuple[recurrent.LSTMState, jax.Array]:
        gates = gates_of(row[0])
        state, _ = _step(state, gates, row[1], kernel_h, method)
        return state, state.hidden

      state, hidden = jax.lax.scan(step, state, (inputs, is_first))
      return hidden, state
    flat = jnp.reshape(inputs, (-1, *inputs.shape[2:]))
    gates = gates_of(flat)
    gates = jnp.reshape(gates, (*inputs.shape[:2], *gates.shape[1:]))
    return scan(gates, is_first, state, kernel_h, method)

  def _initial_bias(
    self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
  ) -> jax.Array:
    """0 but for the forget gate, the last but one."""
    del key
    end = shape[-1] - self.features
    bias = jnp.zeros(shape, dtype)
    return bias.at[end - self.features : end].set(self.forget_bias - 1.0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def scan(
  gates: jax.Array,
  is_first: jax.Array,
  state: recurrent.LSTMState,
  kernel: jax.Array,
  method: str,
) -> tuple[jax.Array, recurrent.LSTMState]:
  """The recurrence, over T rows. Reverse-mode differentiation only.

  Args:
    gates: float [T, B, height, width, 4 * features], what the inputs and the
      bias contribute to the preactivations of `recurrent.update`, or
      3 * features, of `recurrent.update_coupled`.
    is_first: bool [T, B]; the state is zeroed before these rows.
    state: float32 [B, height, width, features] before row 0.
    kernel: float [3, 3, features, channels of `gates`], of the state's
      contribution, of the dtype of `gates`.
    method: 'lax' or 'canonical', see `conv_functions.convolve`.

  Returns:
    The hidden states float32 [T, B, height, width, features] and the last
    state.
  """
  return _forward(gates, is_first, state, kernel, method)[0]


def _step(
  state: recurrent.LSTMState,
  gates: jax.Array,
  is_first: jax.Array,
  kernel: jax.Array,
  method: str,
) -> tuple[recurrent.LSTMState, tuple[recurrent.LSTMState, jax.Array]]:
  """The state after one row; the state before it, zeroed, and all gates."""
  before = recurrent.reset(is_first, state)
  hidden = before.hidden.astype(gates.dtype)
  gates += conv_functions.convolve(hidden, kernel, method)
  return _update(gates, before.cell), (before, gates)


def _update(gates: jax.Array, cell: jax.Array) -> recurrent.LSTMState:
  return recurrent.update_by_gates(gates.astype(jnp.float32), cell)


_Residuals = tuple[recurrent.LSTMState, jax.Array, jax.Array, jax.Array]


def _forward(
  gates: jax.Array,
  is_first: jax.Array,
  state: recurrent.LSTMState,
  kernel: jax.Array,
  method: str,
) -> tuple[tuple[jax.Array, recurrent.LSTMState], _Residuals]:
  if gates.shape[0] == 1:
    # Acting has one row, and needs no loop.
    state, kept = _step(state, gates[0], is_first[0], kernel, method)
    before, gates = jax.tree.map(lambda x: x[None], kept)
    return (state.hidden[None], state), (before, gates, is_first, kernel)

  def step(
    state: recurrent.LSTMState, row: tuple[jax.Array, jax.Array]
  ) -> tuple[recurrent.LSTMState, tuple[jax.Array, tuple]]:
    state, kept = _step(state, *row, kernel, method)
    return state, (state.hidden, kept)

  state, (hidden, kept) = jax.lax.scan(step, state, (gates, is_first))
  return (hidden, state), (*kept, is_first, kernel)


def _backward(
  method: str,
  residuals: _Residuals,
  gradients: tuple[jax.Array, recurrent.LSTMState],
) -> tuple[jax.Array, None, recurrent.LSTMState, jax.Array]:
  before, gates, is_first, kernel = residuals
  hidden_gradients, last = gradients

  def step(
    after: recurrent.LSTMState,
    row: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
  ) -> tuple[recurrent.LSTMState, jax.Array]:
    gates, cell, is_first, hidden_gradient = row
    _, pull_back = jax.vjp(_update, gates, cell)
    gates_gradient, cell_gradient = pull_back(
      recurrent.LSTMState(after.hidden + hidden_gradient, after.cell)
    )
    into_hidden = conv_functions.inputs_gradient(gates_gradient, kernel, method)
    into = recurrent.LSTMState(into_hidden.astype(jnp.float32), cell_gradient)
    return recurrent.reset(is_first, into), gates_gradient

  first, gates_gradients = jax.lax.scan(
    step, last, (gates, before.cell, is_first, hidden_gradients), reverse=True
  )

  def flatten(x: jax.Array) -> jax.Array:
    return jnp.reshape(x, (-1, *x.shape[2:])).astype(kernel.dtype)

  kernel_gradient = conv_functions.kernel_gradient(
    flatten(before.hidden), flatten(gates_gradients), _KERNEL_SIZE, method
  )
  return gates_gradients, None, first, kernel_gradient


scan.defvjp(_forward, _backward)
