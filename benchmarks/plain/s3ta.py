"""S3TA in plain Flax; see `plain`."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks import s3ta
from attn_agents.networks.layers import recurrent, spatial_basis
from benchmarks.plain import layers
from configs.agents import s3ta as s3ta_config


class Plain(nn.Module):
  """`s3ta.S3TA`, attributes and parameters alike."""

  config: s3ta_config.S3TAConfig
  num_actions: int
  observation_size: tuple[int, int]
  max_abs_reward: float

  @nn.nowrap
  def initial_state(self, batch_size: int) -> s3ta.S3TAState:
    """Zeros for a batch of B."""
    height, width = self.observation_size
    for stride in self.config.conv_strides:
      height, width = -(-height // stride), -(-width // stride)
    shape = (batch_size, height, width, self.config.vision_channels)
    return s3ta.S3TAState(
      recurrent.LSTMState(jnp.zeros(shape), jnp.zeros(shape)),
      layers.zero_lstm(batch_size, self.config.policy_core_size),
    )

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: s3ta.S3TAState
  ) -> tuple[types.NetworkOutput, s3ta.S3TAState]:
    """Runs over rows [T, B]."""
    rows, batch = inputs.is_first.shape
    frames = jnp.reshape(
      inputs.observation, (rows * batch, *inputs.observation.shape[2:])
    )
    seen = layers.ConvTorso(
      self.config.conv_channels,
      self.config.conv_kernels,
      self.config.conv_strides,
      name='torso',
    )(frames)
    seen = jnp.reshape(seen, (rows, batch, *seen.shape[1:]))
    action = jax.nn.one_hot(inputs.prev_action, self.num_actions)
    reward = layers.clip(inputs.reward, self.max_abs_reward)

    def step(module: nn.Module, state: s3ta.S3TAState, row: Any) -> Any:
      seen, action, reward, is_first = row
      state, action, reward = layers.reset(is_first, (state, action, reward))
      vision = _ConvLSTM(
        self.config.vision_channels,
        self.config.coupled_gates,
        name='vision_core',
      )(seen, state.vision)
      policy, hidden = _PolicyCore(self.config, name='policy_core')(
        vision.hidden, action, reward, state.policy
      )
      return s3ta.S3TAState(vision, policy), hidden

    core_state, hidden = layers.scan(step)(
      self, core_state, (seen, action, reward, inputs.is_first)
    )
    drawn = _draw(hidden, self.config.reconstruction_size)
    hidden = nn.relu(nn.Dense(self.config.head_hidden, name='head')(hidden))
    outputs = layers.heads(hidden, self.num_actions)
    return outputs._replace(extras=drawn), core_state


def _draw(hidden: jax.Array, size: int) -> types.Nest:
  if not size:
    return ()
  cells = layers.MLP((128, size * size), name='reconstruction')(hidden)
  return types.Reconstruction(cells.reshape(*cells.shape[:-1], size, size))


class _ConvLSTM(nn.Module):
  features: int
  coupled: bool

  @nn.compact
  def __call__(
    self, inputs: jax.Array, state: recurrent.LSTMState
  ) -> recurrent.LSTMState:
    channels = (3 if self.coupled else 4) * self.features
    gates = nn.Conv(channels, (3, 3), name='conv_x')(inputs)
    gates += nn.Conv(channels, (3, 3), name='conv_h')(state.hidden)
    return layers.lstm(gates, state.cell, self.coupled)


class _PolicyCore(nn.Module):
  config: s3ta_config.S3TAConfig

  @nn.compact
  def __call__(
    self,
    features: jax.Array,
    action: jax.Array,
    reward: jax.Array,
    state: recurrent.LSTMState,
  ) -> tuple[recurrent.LSTMState, jax.Array]:
    config = self.config
    if config.feature_norm == 'cells':
      features -= features.mean((1, 2), keepdims=True)
      features /= jnp.sqrt(features.var((1, 2), keepdims=True) + 1e-4)
    batch, height, width, _ = features.shape
    basis = spatial_basis.spatial_basis(height, width, config.basis)
    tiled = jnp.broadcast_to(basis, (batch, *basis.shape))
    keys = jnp.concatenate(
      [features[..., : config.key_channels], tiled], axis=-1
    )
    values = jnp.concatenate(
      [features[..., config.key_channels :], tiled], axis=-1
    )
    queries = self._queries(state.hidden, keys.shape[-1])
    if queries is None:
      normed = keys
      if not config.norm_includes_basis:
        normed = features[..., : config.key_channels]
      logits = jnp.sqrt(jnp.sum(normed**2, axis=-1))[:, None]
      asked = []
    else:
      logits = jnp.einsum('bqk,bijk->bqij', queries, keys)
      asked = [jnp.reshape(queries, (batch, -1))]
      asked = asked if config.answer_sees_queries else []
    attention = jax.nn.softmax(logits, axis=(-2, -1))
    answers = jnp.einsum('bqij,bijv->bqv', attention, values)
    joined = jnp.concatenate(
      [*asked, jnp.reshape(answers, (batch, -1)), action, reward[:, None]],
      axis=-1,
    )
    sizes = (*config.answer_hidden, config.answer_size)
    processed = layers.MLP(sizes, name='answer')(joined)
    size = config.policy_core_size
    state = layers.LSTM(size, config.coupled_gates, name='lstm')(
      processed, state
    )
    if not config.head_sees_answer:
      return state, state.hidden
    return state, jnp.concatenate([state.hidden, nn.relu(processed)], axis=-1)

  def _queries(self, hidden: jax.Array, size: int) -> jax.Array | None:
    config = self.config
    shape = (config.num_queries, size)
    if config.queries == 'l2_norm':
      return None
    if config.queries == 'fixed':
      query = self.param('query', nn.initializers.normal(size**-0.5), shape)
      return jnp.broadcast_to(query, (hidden.shape[0], *shape))
    sizes = (*config.query_hidden, config.num_queries * size)
    return jnp.reshape(layers.MLP(sizes, name='query')(hidden), (-1, *shape))
