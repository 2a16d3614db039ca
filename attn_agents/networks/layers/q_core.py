"""The recurrent core of DRQN and DARQN: attention and an LSTM.

Sorokin et al. 2015, section 2, as the code it releases has it:

    g_i = softmax_i(a . tanh(W v_i + b + U h_{t-1}) + c)      (Eq. 1)
    z = sum_i g_i v_i, or v_i of one i drawn from g           (Eq. 2; 2.2)
    h_t, c_t = LSTM(z, h_{t-1}, c_{t-1})

No gradient goes through U h_{t-1} into h_{t-1}.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import attention, recurrent

# Added to each weight before a location is drawn.
_LEAST_WEIGHT = 1e-5
_LSTM_SPREAD = 0.08


class CoreInput(NamedTuple):
  """What the core sees; leading axes [T, B] or [B].

  Attributes:
    features: float32 [..., cells, channels], v; [..., channels] if nothing
      attends.
    projected: float32 [..., cells, attention_size], W v + b; None likewise.
    noise: float32 [..., cells], Gumbel's, whose maximum with the logarithms of
      the weights draws a location; zeros take the likeliest.
    see_all: bool [...], rows of hard attention that see the mean of all cells.
      Noise and this are None unless attention is hard.
    is_first: bool [...]; the state is zeroed at these rows before all else.
  """

  features: jax.Array
  projected: types.Array
  noise: types.Array
  see_all: types.Array
  is_first: jax.Array


class CoreOutput(NamedTuple):
  """What comes out; leading axes [T, B] or [B].

  Attributes:
    hidden: float32 [..., lstm_size].
    attention: float32 [..., cells], g; None if nothing attends.
    location: float32 [..., cells], 1 at the location drawn; None unless
      attention is hard.
    log_prob: float32 [...], of that location; None likewise.
  """

  hidden: jax.Array
  attention: jax.Array | None = None
  location: jax.Array | None = None
  log_prob: jax.Array | None = None


class QCore(nn.Module):
  """One row of attention and LSTM.

  Attributes:
    attention: 'none', 'soft' or 'hard', see `QNetworkConfig`.
    attention_size: units of the layer before the weights.
    lstm_size: units of the LSTM.
    threshold: of the weights, see `attention.harden`.
  """

  attention: str
  attention_size: int
  lstm_size: int
  threshold: float = 0.0

  @nn.compact
  def __call__(
    self, state: recurrent.LSTMState, row: CoreInput
  ) -> tuple[recurrent.LSTMState, CoreOutput]:
    """Maps the state before a row and the row [B] to the state after it."""
    state = recurrent.reset(row.is_first, state)
    context, seen = row.features, CoreOutput(state.hidden)
    if self.attention != 'none':
      context, seen = self._attend(state.hidden, row)
    lstm = recurrent.TwoBiasLSTM(self.lstm_size, _LSTM_SPREAD, name='lstm')
    state = lstm(context, state)
    return state, seen._replace(hidden=state.hidden)

  def _attend(
    self, hidden: jax.Array, row: CoreInput
  ) -> tuple[jax.Array, CoreOutput]:
    """The context z [B, channels], and where it is from."""
    asked = nn.Dense(self.attention_size, use_bias=False, name='state')(
      jax.lax.stop_gradient(hidden)
    )
    scores = nn.Dense(1, name='score')(jnp.tanh(row.projected + asked[:, None]))
    weights = attention.harden(
      jax.nn.softmax(scores[..., 0], axis=-1), self.threshold
    )
    mean = jnp.einsum('bs,bsc->bc', weights, row.features)
    if self.attention == 'soft':
      return mean, CoreOutput(hidden, weights)
    log_probs = jnp.log(weights + _LEAST_WEIGHT)
    log_probs -= jnp.log1p(weights.shape[-1] * _LEAST_WEIGHT)
    drawn = jnp.argmax(jax.lax.stop_gradient(log_probs) + row.noise, axis=-1)
    location = jax.nn.one_hot(drawn, weights.shape[-1])
    one = jnp.einsum('bs,bsc->bc', location, row.features)
    return jnp.where(row.see_all[:, None], mean, one), CoreOutput(
      hidden, weights, location, jnp.sum(location * log_probs, axis=-1)
    )
