"""DQN, DRQN and DARQN in plain Flax; see `plain`."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import recurrent
from benchmarks.plain import layers
from configs.agents import darqn_soft

_PADDING = ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0))


class Plain(nn.Module):
  """`q_network.QNetwork` without draws, its parameters alike."""

  config: darqn_soft.QNetworkConfig
  num_actions: int

  @nn.nowrap
  def initial_state(self, batch_size: int) -> Any:
    """() without an LSTM, else zeros for a batch of B."""
    if not self.config.recurrent:
      return ()
    return layers.zero_lstm(batch_size, self.config.lstm_size)

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: Any
  ) -> tuple[types.NetworkOutput, Any]:
    """Runs over rows [T, B]."""
    config = self.config
    seen = layers.ConvTorso(
      config.conv_channels,
      config.conv_kernels,
      config.conv_strides,
      'VALID',
      name='torso',
    )(jnp.pad(inputs.observation, _PADDING))
    lead = seen.shape[:2]
    if config.attention == 'none':
      seen = jnp.reshape(seen, (*lead, -1))
    else:
      seen = jnp.reshape(seen, (*lead, -1, seen.shape[-1]))
    if config.hidden_size:
      seen = nn.relu(nn.Dense(config.hidden_size, name='hidden')(seen))
    if not config.recurrent:
      return self._value(seen, None, None), core_state
    attended = seen
    if config.attention != 'none':
      attended = nn.Dense(config.attention_size, name='attend')(seen)
    core = _Core(config, name='core')
    core_state, (hidden, log_prob) = layers.scan(
      lambda module, state, row: core(state, row)
    )(self, core_state, (seen, attended, inputs.is_first))
    return self._value(hidden, hidden, log_prob), core_state

  def _value(
    self, features: jax.Array, hidden: Any, log_prob: Any
  ) -> types.NetworkOutput:
    values = nn.Dense(self.num_actions, name='q')(features)
    if self.config.attention != 'hard':
      return types.NetworkOutput(values, jnp.max(values, axis=-1))
    baseline = nn.Dense(1, name='baseline')(jax.lax.stop_gradient(hidden))
    glimpse = types.Glimpse(log_prob, jnp.ones_like(log_prob))
    return types.NetworkOutput(values, baseline[..., 0], glimpse)


class _Core(nn.Module):
  """A row of attention and LSTM."""

  config: darqn_soft.QNetworkConfig

  @nn.compact
  def __call__(self, state: Any, row: Any) -> Any:
    config, (cells, attended, is_first) = self.config, row
    state = layers.reset(is_first, state)
    log_prob = jnp.zeros(is_first.shape)
    if config.attention != 'none':
      asked = nn.Dense(config.attention_size, use_bias=False, name='state')(
        jax.lax.stop_gradient(state.hidden)
      )
      weights = nn.softmax(
        nn.Dense(1, name='score')(nn.tanh(attended + asked[:, None])), axis=1
      )
      if config.attention == 'hard':
        probs = (weights + 1e-5) / (1.0 + 1e-5 * weights.shape[1])
        best = jnp.argmax(weights, axis=1, keepdims=True)
        log_prob = jnp.log(jnp.take_along_axis(probs, best, 1))[:, 0, 0]
        cells = jnp.take_along_axis(cells, best, 1)[:, 0]
      else:
        cells = jnp.sum(weights * cells, axis=1)
    state = _LSTM(config.lstm_size, name='lstm')(cells, state)
    return state, (state.hidden, log_prob)


class _LSTM(nn.Module):
  """`recurrent.TwoBiasLSTM`."""

  features: int

  @nn.compact
  def __call__(self, inputs: jax.Array, state: Any) -> recurrent.LSTMState:
    gates = nn.Dense(4 * self.features, name='input')(inputs)
    gates += nn.Dense(4 * self.features, name='state')(state.hidden)
    into, candidate, forget, out = jnp.split(gates, 4, axis=-1)
    cell = nn.sigmoid(forget) * state.cell
    cell += nn.sigmoid(into) * nn.tanh(candidate)
    return recurrent.LSTMState(nn.sigmoid(out) * nn.tanh(cell), cell)
