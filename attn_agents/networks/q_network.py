"""DQN, DRQN and DARQN: from pixels to the value of each action.

Convolutions and heads run over all T * B rows at once; only attention and LSTM,
which depend on the row before, are scanned (`q_core.py`).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import convolution, q_core, recurrent, torsos
from configs.agents import darqn_soft

CoreState = recurrent.LSTMState | tuple[()]


class QNetwork(nn.Module):
  """The family of networks of `QNetworkConfig`.

  Parameters at the papers' sizes, 84 x 84 grey frames and 18 actions: soft
  845,171 and hard 845,428, as printed (Sorokin et al. 2015, 3.1); DQN
  1,693,362, as printed. For DRQN the paper prints DQN's number again, which no
  recurrent network we tried has; the released one has 1,405,874.

  Hard attention draws locations from the random stream 'glimpse'; without it,
  it looks at the likeliest. From the stream 'soft_share' it draws which rows
  see the mean of all locations instead; without it, no row does.

  Sows into 'intermediates', where the caller makes that collection mutable
  (Flax wraps each in a 1-tuple), if there is attention:
    attention: float32 [T, B, 1, h, w], the weights, 1 over h and w.
    location: float32 [T, B, 1, h, w], hard attention's, 1 where it looked.

  Attributes:
    config: sizes and options.
    num_actions: number of action values.
    attention_threshold: drops weak attention while playing, see
      `attention.harden`; training uses 0.
  """

  config: darqn_soft.QNetworkConfig
  num_actions: int
  attention_threshold: float = 0.0

  @nn.nowrap
  def initial_state(self, batch_size: int) -> CoreState:
    """Zeros [B, lstm_size], the state at the start of an episode; or ()."""
    if not self.config.recurrent:
      return ()
    return recurrent.zero_state((batch_size, self.config.lstm_size))

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: CoreState
  ) -> tuple[types.NetworkOutput, CoreState]:
    """Runs over T rows.

    Args:
      inputs: `types.NetworkInput` [T, B]; actions and rewards are not read.
      core_state: the state before row 0, leading axis [B].

    Returns:
      `types.NetworkOutput` [T, B] and the state after the last row. The
      baseline is the value of the best action; of hard attention the learned
      G_t = Linear(h_t), no gradient of which goes into h_t, with a
      `types.Glimpse` as extras.
    """
    config = self.config
    features = self._see(inputs.observation)
    if config.attention == 'none':
      features = jnp.reshape(features, (*features.shape[:2], -1))
    if config.hidden_size:
      hidden = nn.Dense(config.hidden_size, name='hidden')(features)
      features = nn.relu(hidden)
    if not config.recurrent:
      return self._value(features), core_state
    map_size = features.shape[2:4]
    row = self._row(features, inputs.is_first)
    core = q_core.QCore(
      config.attention,
      config.attention_size,
      config.lstm_size,
      self.attention_threshold,
      name='core',
    )
    state, outputs = recurrent.over_time(core, core_state, row)
    self._sow(outputs, map_size)
    values = self._value(outputs.hidden)
    if config.attention != 'hard':
      return values, state
    baseline = nn.Dense(1, name='baseline')(
      jax.lax.stop_gradient(outputs.hidden)
    )
    return values._replace(
      baseline=baseline[..., 0],
      extras=types.Glimpse(
        outputs.log_prob, 1.0 - row.see_all.astype(jnp.float32)
      ),
    ), state

  def _see(self, observation: jax.Array) -> jax.Array:
    """Features float32 [T, B, h, w, channels] of observations [T, B, ...]."""
    config = self.config
    frames = jnp.reshape(observation, (-1, *observation.shape[2:]))
    border = (config.BORDER, config.BORDER)
    seen = torsos.ConvTorso(
      config.conv_channels,
      config.conv_kernels,
      config.conv_strides,
      config.convolution,
      convolution.DTYPES[config.dtype],
      'VALID',
      name='torso',
    )(jnp.pad(frames, ((0, 0), border, border, (0, 0))))
    seen = jnp.reshape(seen, (*observation.shape[:2], *seen.shape[1:]))
    return seen.astype(jnp.float32)

  def _row(self, features: jax.Array, is_first: jax.Array) -> q_core.CoreInput:
    """What the core sees of features [T, B, ...], drawn numbers included."""
    if self.config.attention == 'none':
      return q_core.CoreInput(features, None, None, None, is_first)
    rows, batch, height, width, channels = features.shape
    cells = jnp.reshape(features, (rows, batch, height * width, channels))
    projected = nn.Dense(self.config.attention_size, name='attend')(cells)
    if self.config.attention == 'soft':
      return q_core.CoreInput(cells, projected, None, None, is_first)
    noise = jnp.zeros(cells.shape[:3], jnp.float32)
    if self.has_rng('glimpse'):
      noise = jax.random.gumbel(self.make_rng('glimpse'), noise.shape)
    see_all = jnp.zeros((rows, batch), bool)
    if self.has_rng('soft_share'):
      see_all = jax.random.bernoulli(
        self.make_rng('soft_share'), self.config.soft_share, see_all.shape
      )
    return q_core.CoreInput(cells, projected, noise, see_all, is_first)

  def _value(self, hidden: jax.Array) -> types.NetworkOutput:
    values = nn.Dense(self.num_actions, name='q')(hidden)
    return types.NetworkOutput(values, jnp.max(values, axis=-1))

  def _sow(self, outputs: q_core.CoreOutput, map_size: tuple[int, ...]) -> None:
    maps = {'attention': outputs.attention, 'location': outputs.location}
    for name, cells in maps.items():
      if cells is not None:
        shape = (*cells.shape[:2], 1, *map_size)
        self.sow('intermediates', name, jnp.reshape(cells, shape))
