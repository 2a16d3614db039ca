"""The deep residual network in plain Flax; see `plain`."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import recurrent
from benchmarks.plain import layers
from configs.agents import impala_ff


class Plain(nn.Module):
  """`resnet.ResNet`, attributes and parameters alike."""

  config: impala_ff.ResNetConfig
  num_actions: int
  max_abs_reward: float

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
    outputs = _join_pixels(inputs.observation / 255.0, config.pixel_block)
    for index, features in enumerate(config.channels):
      section = _Section(config, features, name=f'section_{index}')
      outputs = section(outputs)
    flat = jnp.reshape(nn.relu(outputs), (*outputs.shape[:2], -1))
    hidden = nn.relu(nn.Dense(config.hidden_size, name='hidden')(flat))
    if config.recurrent:
      action = jax.nn.one_hot(inputs.prev_action, self.num_actions)
      reward = layers.clip(inputs.reward, self.max_abs_reward)
      core_state, hidden = layers.scan(self._step)(
        self, core_state, (hidden, reward, action, inputs.is_first)
      )
    return layers.heads(hidden, self.num_actions), core_state

  @nn.nowrap
  def _step(self, module: nn.Module, state: Any, row: Any) -> Any:
    hidden, reward, action, is_first = row
    state, reward, action = layers.reset(is_first, (state, reward, action))
    joined = jnp.concatenate([hidden, reward[:, None], action], axis=-1)
    state = _ResNetLSTM(self.config.lstm_size, name='lstm')(joined, state)
    return state, state.hidden


class _ResNetLSTM(nn.Module):
  """Only there so that its parameters are found where ResNet has them."""

  features: int

  @nn.compact
  def __call__(self, joined: jax.Array, state: Any) -> recurrent.LSTMState:
    return layers.LSTM(self.features, name='cell')(joined, state)


class _Section(nn.Module):
  config: impala_ff.ResNetConfig
  features: int

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    config = self.config
    outputs = nn.Conv(self.features, (3, 3), name='conv')(inputs)
    pooled = _max_pool(outputs)
    trunk = pooled
    for index in range(config.blocks_per_section):
      trunk = _Block(self.features, name=f'block_{index}')(trunk)
    if config.attention == 'none':
      return trunk
    return (1.0 + _Mask(config, self.features, name='mask_branch')(pooled)) * (
      trunk
    )


class _Mask(nn.Module):
  config: impala_ff.ResNetConfig
  features: int

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    resample = self.config.attention == 'residual'
    outputs = _max_pool(inputs) if resample else inputs
    for index in range(self.config.mask_blocks):
      outputs = _Block(self.features, name=f'block_{index}')(outputs)
    if resample:
      outputs = jax.image.resize(outputs, inputs.shape, 'bilinear')
    for index in range(2):
      conv = nn.Conv(self.features, (1, 1), name=f'conv_{index}')
      outputs = conv(nn.relu(outputs))
    return nn.sigmoid(outputs)


class _Block(nn.Module):
  features: int

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    outputs = inputs
    for index in range(2):
      conv = nn.Conv(self.features, (3, 3), name=f'conv_{index}')
      outputs = conv(nn.relu(outputs))
    return inputs + outputs


def _join_pixels(frames: jax.Array, size: int) -> jax.Array:
  """Blocks of size x size pixels of [T, B, ...] as pixels of more channels."""
  rows, columns = (-length % size for length in frames.shape[2:4])
  padding = ((0, 0), (0, 0), (0, rows), (0, columns), (0, 0))
  padded = jnp.pad(frames, padding)
  parts = [
    padded[:, :, row::size, column::size]
    for row in range(size)
    for column in range(size)
  ]
  return jnp.concatenate(parts, axis=-1)


def _max_pool(inputs: jax.Array) -> jax.Array:
  return nn.max_pool(inputs, (3, 3), (2, 2), 'SAME')
