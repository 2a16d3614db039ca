"""S3TA, Mott et al. 2019 ("Towards Interpretable RL Using Attention..."), A.1.

Convolutions and heads run over all T * B rows at once. Only what depends on
recurrent state is scanned: first the ConvLSTM's recurrent half, then, on its
outputs, the loop from query to policy LSTM.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import (
  attention,
  conv_lstm,
  convolution,
  policy_core,
  recurrent,
  spatial_basis,
  torsos,
)
from configs.agents import s3ta as s3ta_config

# Units of the decoder's hidden layer.
_DECODER_HIDDEN = 128


class S3TAState(NamedTuple):
  """Recurrent state before a row.

  Attributes:
    vision: the ConvLSTM's, arrays [B, h, w, vision_channels].
    policy: the policy LSTM's, arrays [B, policy_core_size].
  """

  vision: recurrent.LSTMState
  policy: recurrent.LSTMState


class S3TA(nn.Module):
  """The agent's network, from pixels to policy and value.

  Sows into 'intermediates', where the caller makes that collection mutable
  (nothing is computed for them otherwise; Flax wraps each in a 1-tuple):
    attention: float32 [T, B, heads, h, w], sums to 1 over h and w.
    queries: float32 [T, B, heads, key_channels + 64], if there are any.
    keys: float32 [T, B, h, w, key_channels + 64].
    values: float32 [T, B, h, w, vision_channels - key_channels + 64].
    answers: float32 [T, B, heads, vision_channels - key_channels + 64].

  Attributes:
    config: sizes and options.
    num_actions: size of the policy.
    observation_size: height and width of observations in pixels.
    max_abs_reward: the previous reward is clipped to [-x, x]; 0 leaves it.
    attention_threshold: drops weak attention while playing, see
      `attention.harden`; training uses 0.
  """

  config: s3ta_config.S3TAConfig
  num_actions: int
  observation_size: tuple[int, int]
  max_abs_reward: float
  attention_threshold: float = 0.0

  @nn.nowrap
  def initial_state(self, batch_size: int) -> S3TAState:
    """Zeros, the state at the start of an episode, for a batch of B."""
    config = self.config
    height, width = self._map_size()
    return S3TAState(
      vision=recurrent.zero_state(
        (batch_size, height, width, config.vision_channels)
      ),
      policy=recurrent.zero_state((batch_size, config.policy_core_size)),
    )

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: S3TAState
  ) -> tuple[types.NetworkOutput, S3TAState]:
    """Runs over T rows: acting has T = 1, learning T = unroll_length + 1.

    Args:
      inputs: `types.NetworkInput` [T, B].
      core_state: the state before row 0, leading axis [B].

    Returns:
      `types.NetworkOutput` [T, B] and the state after the last row.
    """
    seen, vision_state = self._see(inputs, core_state.vision)
    features = attention.NORMS[self.config.feature_norm](seen)
    outputs, policy_state = self._act(inputs, features, core_state.policy)
    if self.is_mutable_collection('intermediates'):
      self._sow(features, outputs)
    hidden = nn.relu(
      nn.Dense(self.config.head_hidden, name='head')(outputs.output)
    )
    policy_logits = nn.Dense(self.num_actions, name='policy')(hidden)
    baseline = nn.Dense(1, name='baseline')(hidden)
    return (
      types.NetworkOutput(
        policy_logits,
        jnp.squeeze(baseline, axis=-1),
        self._reconstruct(outputs.output),
      ),
      S3TAState(vision_state, policy_state),
    )

  @nn.nowrap
  def _map_size(self) -> tuple[int, int]:
    return torsos.output_size(*self.observation_size, self.config.conv_strides)

  def _see(
    self, inputs: types.NetworkInput, state: recurrent.LSTMState
  ) -> tuple[jax.Array, recurrent.LSTMState]:
    """Vision CNN and ConvLSTM: features [T, B, h, w, vision_channels]."""
    config = self.config
    rows, batch = inputs.is_first.shape
    frames = jnp.reshape(
      inputs.observation, (rows * batch, *inputs.observation.shape[2:])
    )
    seen = torsos.ConvTorso(
      config.conv_channels,
      config.conv_kernels,
      config.conv_strides,
      config.convolution,
      convolution.DTYPES[config.dtype],
      gain=config.vision_gain,
      centred=config.vision_centred,
      blur=config.vision_blur,
      name='torso',
    )(frames)
    return conv_lstm.ConvLSTM(
      config.vision_channels,
      config.convolution,
      convolution.DTYPES[config.dtype],
      config.remat,
      config.vision_gain,
      config.coupled_gates,
      config.vision_forget_bias,
      name='vision_core',
    )(jnp.reshape(seen, (rows, batch, *seen.shape[1:])), inputs.is_first, state)

  def _act(
    self,
    inputs: types.NetworkInput,
    features: jax.Array,
    state: recurrent.LSTMState,
  ) -> tuple[policy_core.PolicyCoreOutput, recurrent.LSTMState]:
    """Attention and policy LSTM over all rows."""
    config = self.config
    core = policy_core.PolicyCore(
      queries=config.queries,
      norm_includes_basis=config.norm_includes_basis,
      basis=config.basis,
      key_channels=config.key_channels,
      num_queries=config.num_queries,
      query_hidden=config.query_hidden,
      query_spread=config.query_spread,
      answer_sizes=(*config.answer_hidden, config.answer_size),
      answer_sees_queries=config.answer_sees_queries,
      output_has_answer=config.head_sees_answer,
      lstm_features=config.policy_core_size,
      coupled=config.coupled_gates,
      threshold=self.attention_threshold,
      record=self.is_mutable_collection('intermediates'),
      name='policy_core',
    )
    reward = inputs.reward
    if self.max_abs_reward:
      reward = jnp.clip(reward, -self.max_abs_reward, self.max_abs_reward)
    state, outputs = recurrent.over_time(
      core,
      state,
      policy_core.PolicyCoreInput(
        features=features,
        prev_action=jax.nn.one_hot(inputs.prev_action, self.num_actions),
        prev_reward=reward,
        is_first=inputs.is_first,
      ),
    )
    return outputs, state

  def _reconstruct(self, output: jax.Array) -> types.Nest:
    """What the policy core's output tells of the screen, if it is to tell."""
    size = self.config.reconstruction_size
    if not size:
      return ()
    decoder = torsos.MLP((_DECODER_HIDDEN, size**2), name='reconstruction')
    cells = decoder(output)
    return types.Reconstruction(
      jnp.reshape(cells, (*cells.shape[:-1], size, size))
    )

  def _sow(
    self, features: jax.Array, outputs: policy_core.PolicyCoreOutput
  ) -> None:
    height, width = features.shape[2:4]
    basis = spatial_basis.spatial_basis(height, width, self.config.basis)
    keys, values = attention.keys_and_values(
      features, jnp.asarray(basis), self.config.key_channels
    )
    self.sow('intermediates', 'attention', outputs.attention)
    if outputs.queries is not None:
      self.sow('intermediates', 'queries', outputs.queries)
    self.sow('intermediates', 'keys', keys)
    self.sow('intermediates', 'values', values)
    self.sow('intermediates', 'answers', outputs.answers)
