"""S3TA's top-down loop: the policy's state asks, attention answers."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents.networks import attention, perceptron, recurrent, spatial_basis


class PolicyCoreInput(NamedTuple):
  """What the policy core sees; leading axes [T, B] or [B].

  Attributes:
    features: float32 [..., h, w, channels], the vision core's output.
    prev_action: float32 [..., num_actions], one-hot.
    prev_reward: float32 [...], clipped.
    is_first: bool [...]; the state, previous action and previous reward are
      zeroed at these rows before the query is made.
  """

  features: jax.Array
  prev_action: jax.Array
  prev_reward: jax.Array
  is_first: jax.Array


class PolicyCoreOutput(NamedTuple):
  """What comes out of the policy core; leading axes [T, B] or [B].

  Attributes:
    hidden: float32 [..., lstm_features].
    queries: float32 [..., heads, key_channels + basis_channels], or None.
    attention: float32 [..., heads, h, w], or None.
  """

  hidden: jax.Array
  queries: jax.Array | None
  attention: jax.Array | None


class PolicyCore(nn.Module):
  """One row of query, attention, answer and policy LSTM (S3TA section 2).

  Attributes:
    basis: name of the spatial basis.
    key_channels: how many of the features' first channels are keys.
    num_queries: attention heads.
    query_hidden: hidden layers of the query MLP.
    answer_sizes: layers of the answer processor.
    lstm_features: units of the policy LSTM.
    record: also return queries and attention, which training does not need.
  """

  basis: str
  key_channels: int
  num_queries: int
  query_hidden: tuple[int, ...]
  answer_sizes: tuple[int, ...]
  lstm_features: int
  record: bool

  @nn.compact
  def __call__(
    self, state: recurrent.LSTMState, row: PolicyCoreInput
  ) -> tuple[recurrent.LSTMState, PolicyCoreOutput]:
    """Maps the state before a row and the row [B] to the state after it."""
    state, prev_action, prev_reward = recurrent.reset(
      row.is_first, (state, row.prev_action, row.prev_reward)
    )
    batch, height, width, channels = row.features.shape
    cells = height * width
    basis = spatial_basis.spatial_basis(height, width, self.basis)
    query_size = self.key_channels + spatial_basis.CHANNELS
    flat_queries = perceptron.MLP(
      (*self.query_hidden, self.num_queries * query_size), name='query'
    )(state.hidden)
    queries = jnp.reshape(flat_queries, (batch, self.num_queries, query_size))
    answers, maps = attention.attend(
      queries,
      jnp.reshape(row.features, (batch, cells, channels)),
      jnp.asarray(basis.reshape(cells, -1)),
    )
    joined = jnp.concatenate(
      [
        flat_queries,
        jnp.reshape(answers, (batch, -1)),
        prev_action,
        prev_reward[:, None],
      ],
      axis=-1,
    )
    processed = perceptron.MLP(self.answer_sizes, name='answer')(joined)
    state = recurrent.LSTM(self.lstm_features, name='lstm')(processed, state)
    if not self.record:
      return state, PolicyCoreOutput(state.hidden, None, None)
    maps = jnp.reshape(maps, (batch, self.num_queries, height, width))
    return state, PolicyCoreOutput(state.hidden, queries, maps)
