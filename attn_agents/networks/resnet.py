"""IMPALA's deep residual network, with DRARL's attention as an option.

Espeholt et al. 2018, Figure 3 (right), without the language input; Zhu &
Kaneko 2021 (DRARL), Figure 2. Everything but the LSTM runs over all T * B rows
at once.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.cpu_kernels import canonical
from attn_agents.networks.layers import convolution, recurrent, residual
from configs.agents import impala_ff

# Empty for a feedforward network.
ResNetState = recurrent.LSTMState | tuple[()]


class ResNet(nn.Module):
  """The agent's network, from pixels to policy and value.

  Sows into 'intermediates', where the caller makes that collection mutable
  (Flax wraps each in a 1-tuple), in the config's `dtype`:
    section_i/mask, section_i/trunk: [T, B, h, w, channels[i]], M in
      (0, 1) and T of section i's out = (1 + M) T; with attention only.
    last_map: [T, B, h, w, channels[-1]], the last section's output.
  The gradient with respect to `last_map`, for Grad-CAM, is that with respect to
  an array of zeros passed to `apply` as {'perturbations': {'last_map': ...}}.

  Attributes:
    config: sizes and options.
    num_actions: size of the policy.
    max_abs_reward: the previous reward is clipped to [-x, x]; 0 leaves it.
  """

  config: impala_ff.ResNetConfig
  num_actions: int
  max_abs_reward: float

  @nn.nowrap
  def initial_state(self, batch_size: int) -> ResNetState:
    """The state at the start of an episode for a batch of B.

    Returns:
      () without an LSTM; otherwise zeros [B, lstm_size].
    """
    if not self.config.recurrent:
      return ()
    return recurrent.zero_state((batch_size, self.config.lstm_size))

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: ResNetState
  ) -> tuple[types.NetworkOutput, ResNetState]:
    """Runs over T rows: acting has T = 1, learning T = unroll_length + 1.

    Args:
      inputs: `types.NetworkInput` [T, B]; without an LSTM only its observation
        is read.
      core_state: the state before row 0, see `initial_state`.

    Returns:
      `types.NetworkOutput` [T, B] and the state after the last row.
    """
    hidden = self._see(inputs.observation)
    if self.config.recurrent:
      hidden, core_state = self._remember(inputs, hidden, core_state)
    policy_logits = nn.Dense(self.num_actions, name='policy')(hidden)
    baseline = nn.Dense(1, name='baseline')(hidden)
    return (
      types.NetworkOutput(policy_logits, jnp.squeeze(baseline, axis=-1)),
      core_state,
    )

  def _see(self, observation: jax.Array) -> jax.Array:
    """Maps uint8 [T, B, height, width, c] to float32 [T, B, hidden_size]."""
    config = self.config
    dtype = convolution.DTYPES[config.dtype]
    conv = functools.partial(
      convolution.Convolution, method=config.convolution, dtype=dtype
    )
    outputs = self._join_pixels(observation)
    for index, features in enumerate(config.channels):
      outputs = residual.Section(
        features,
        config.blocks_per_section,
        config.attention,
        config.mask_blocks,
        conv,
        name=f'section_{index}',
      )(outputs)
    if not self.is_initializing():  # Or it would become a variable.
      outputs = self.perturb('last_map', outputs)
    if self.is_mutable_collection('intermediates'):
      self.sow('intermediates', 'last_map', outputs)
    flat = jnp.reshape(nn.relu(outputs), (*outputs.shape[:2], -1))
    hidden = nn.Dense(config.hidden_size, dtype=dtype, name='hidden')
    return nn.relu(hidden(flat)).astype(jnp.float32)

  def _join_pixels(self, observation: jax.Array) -> jax.Array:
    """Joins blocks of `pixel_block` pixels each way into one pixel."""
    size = self.config.pixel_block
    if size == 1:
      return observation
    frames = jnp.reshape(observation, (-1, *observation.shape[2:]))
    rows, columns = (-length % size for length in frames.shape[1:3])
    whole = jnp.pad(frames, ((0, 0), (0, rows), (0, columns), (0, 0)))
    blocks = canonical.space_to_depth(whole, size)
    return jnp.reshape(blocks, (*observation.shape[:2], *blocks.shape[1:]))

  def _remember(
    self,
    inputs: types.NetworkInput,
    hidden: jax.Array,
    state: ResNetState,
  ) -> tuple[jax.Array, ResNetState]:
    """The LSTM over all rows: float32 [T, B, lstm_size] and the last state."""
    reward = inputs.reward
    if self.max_abs_reward:
      reward = jnp.clip(reward, -self.max_abs_reward, self.max_abs_reward)
    action = jax.nn.one_hot(inputs.prev_action, self.num_actions)
    state, outputs = recurrent.over_time(
      _LSTMStep(self.config.lstm_size, name='lstm'),
      state,
      (hidden, reward, action, inputs.is_first),
    )
    return outputs, state


class _LSTMStep(nn.Module):
  """One row of the LSTM, which also sees the last action and reward."""

  features: int

  @nn.compact
  def __call__(
    self,
    state: recurrent.LSTMState,
    row: tuple[jax.Array, jax.Array, jax.Array, jax.Array],
  ) -> tuple[recurrent.LSTMState, jax.Array]:
    hidden, prev_reward, prev_action, is_first = row
    state, prev_reward, prev_action = recurrent.reset(
      is_first, (state, prev_reward, prev_action)
    )
    joined = jnp.concatenate(
      [hidden, prev_reward[:, None], prev_action], axis=-1
    )
    state = recurrent.LSTM(self.features, name='cell')(joined, state)
    return state, state.hidden
