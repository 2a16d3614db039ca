"""S3TA's top-down loop: the policy's state makes queries, attention answers.

And its two ablations (S3TA section 4.4): learned queries that are the same in
every row, and attention by the L2 norm of the keys, without queries.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents.networks.layers import (
  attention,
  recurrent,
  spatial_basis,
  torsos,
)


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
    output: float32 [..., lstm_features], the LSTM's; behind it, if
      `output_has_answer`, the processed answer.
    queries: float32 [..., heads, key_channels + basis_channels], or None; also
      None where attention has no queries.
    attention: float32 [..., heads, h, w], or None.
    answers: float32 [..., heads, value channels + basis_channels], or None.
  """

  output: jax.Array
  queries: jax.Array | None
  attention: jax.Array | None
  answers: jax.Array | None


class PolicyCore(nn.Module):
  """One row of query, attention, answer and policy LSTM (S3TA section 2).

  Attributes:
    queries: 'top_down', 'fixed' or 'l2_norm', see `S3TAConfig`.
    norm_includes_basis: see `S3TAConfig`.
    basis: name of the spatial basis.
    key_channels: how many of the features' first channels are keys.
    num_queries: attention heads.
    query_hidden: hidden layers of the query MLP.
    query_spread: see `S3TAConfig`.
    answer_sizes: layers of the answer processor.
    answer_sees_queries: see `S3TAConfig`.
    output_has_answer: whether the processed answer is part of the output.
    lstm_features: units of the policy LSTM.
    coupled: see `recurrent.LSTM`.
    threshold: of the attention, see `attention.harden`.
    record: also return queries, attention and answers, which training does not
      need.
  """

  queries: str
  norm_includes_basis: bool
  basis: str
  key_channels: int
  num_queries: int
  query_hidden: tuple[int, ...]
  query_spread: float
  answer_sizes: tuple[int, ...]
  answer_sees_queries: bool
  output_has_answer: bool
  lstm_features: int
  coupled: bool
  threshold: float
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
    flat_basis = jnp.asarray(basis.reshape(cells, -1))
    features = jnp.reshape(row.features, (batch, cells, channels))
    queries = self._make_queries(state.hidden)
    if queries is None:
      answers, maps = attention.attend_by_norm(
        features,
        flat_basis,
        self.key_channels,
        self.norm_includes_basis,
        self.threshold,
      )
    else:
      answers, maps = attention.attend(
        queries, features, flat_basis, self.threshold
      )
    joined = [
      jnp.reshape(answers, (batch, -1)),
      prev_action,
      prev_reward[:, None],
    ]
    if queries is not None and self.answer_sees_queries:
      joined.insert(0, jnp.reshape(queries, (batch, -1)))
    processed = torsos.MLP(self.answer_sizes, name='answer')(
      jnp.concatenate(joined, axis=-1)
    )
    lstm = recurrent.LSTM(self.lstm_features, self.coupled, name='lstm')
    state = lstm(processed, state)
    output = state.hidden
    if self.output_has_answer:
      output = jnp.concatenate([output, nn.relu(processed)], axis=-1)
    if not self.record:
      return state, PolicyCoreOutput(output, None, None, None)
    maps = jnp.reshape(maps, (batch, self.num_queries, height, width))
    return state, PolicyCoreOutput(output, queries, maps, answers)

  def _make_queries(self, hidden: jax.Array) -> jax.Array | None:
    """The queries [B, heads, size], made from hidden [B, lstm_features]."""
    size = self.key_channels + spatial_basis.CHANNELS
    shape = (self.num_queries, size)
    if self.queries == 'l2_norm':
      return None
    if self.queries == 'fixed':
      # As long as a unit vector on average, whatever its size.
      initializer = nn.initializers.normal(size**-0.5)
      queries = self.param('query', initializer, shape)
      return jnp.broadcast_to(queries, (hidden.shape[0], *shape))
    flat = torsos.MLP(
      (*self.query_hidden, self.num_queries * size),
      nn.initializers.normal(self.query_spread),
      name='query',
    )(hidden)
    return jnp.reshape(flat, (hidden.shape[0], *shape))
