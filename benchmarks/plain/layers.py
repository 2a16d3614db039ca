"""What the plain networks share."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import recurrent


class MLP(nn.Module):
  """`torsos.MLP`."""

  sizes: tuple[int, ...]

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps [..., channels] to [..., sizes[-1]]."""
    for size in self.sizes[:-1]:
      inputs = nn.relu(nn.Dense(size)(inputs))
    return nn.Dense(self.sizes[-1])(inputs)


class ConvTorso(nn.Module):
  """`torsos.ConvTorso`."""

  channels: tuple[int, ...]
  kernels: tuple[int, ...]
  strides: tuple[int, ...]
  padding: str = 'SAME'

  @nn.compact
  def __call__(self, frames: jax.Array) -> jax.Array:
    """Maps uint8 [..., height, width, c] to [..., h, w, channels[-1]]."""
    outputs = frames / 255.0
    layers = zip(self.channels, self.kernels, self.strides, strict=True)
    for index, (channels, kernel, stride) in enumerate(layers):
      conv = nn.Conv(
        channels,
        (kernel, kernel),
        (stride, stride),
        self.padding,
        name=f'conv_{index}',
      )
      outputs = nn.relu(conv(outputs))
    return outputs


class LSTM(nn.Module):
  """`recurrent.LSTM`."""

  features: int
  coupled: bool = False

  @nn.compact
  def __call__(
    self, inputs: jax.Array, state: recurrent.LSTMState
  ) -> recurrent.LSTMState:
    """Maps inputs [B, channels] and the state before to the state after."""
    joined = jnp.concatenate([inputs, state.hidden], axis=-1)
    gates = nn.Dense((3 if self.coupled else 4) * self.features, name='gates')(
      joined
    )
    return lstm(gates, state.cell, self.coupled)


def lstm(
  gates: jax.Array, cell: jax.Array, coupled: bool = False
) -> recurrent.LSTMState:
  """The state after, from gates [..., 4 or 3 * features].

  See `recurrent.update` and `recurrent.update_coupled`.
  """
  if coupled:
    candidate, forget, out = jnp.split(gates, 3, axis=-1)
    gates = jnp.concatenate([-forget - 1.0, candidate, forget, out], axis=-1)
  into, candidate, forget, out = jnp.split(gates, 4, axis=-1)
  cell = nn.sigmoid(forget + 1.0) * cell + nn.sigmoid(into) * nn.tanh(candidate)
  return recurrent.LSTMState(nn.sigmoid(out) * nn.tanh(cell), cell)


def zero_lstm(batch_size: int, features: int) -> recurrent.LSTMState:
  """The state [B, features] before anything was seen."""
  zeros = jnp.zeros((batch_size, features))
  return recurrent.LSTMState(zeros, zeros)


def scan(step: Any) -> Any:
  """Runs step(module, state, row) over T rows, with one set of parameters."""
  return nn.scan(
    step, variable_broadcast='params', split_rngs={'params': False}
  )


def reset(is_first: jax.Array, tree: types.Nest) -> types.Nest:
  """Zeroes the rows of a tree of [B, ...] arrays where is_first, bool [B]."""
  return jax.tree.map(
    lambda x: jnp.where(
      is_first.reshape(-1, *(1 for _ in x.shape[1:])), jnp.zeros_like(x), x
    ),
    tree,
  )


def clip(reward: jax.Array, limit: float) -> jax.Array:
  """The reward in [-limit, limit]; 0 leaves it."""
  return jnp.clip(reward, -limit, limit) if limit else reward


def heads(hidden: jax.Array, num_actions: int) -> types.NetworkOutput:
  """Policy and value, linear in hidden [T, B, channels]."""
  policy_logits = nn.Dense(num_actions, name='policy')(hidden)
  baseline = nn.Dense(1, name='baseline')(hidden)
  return types.NetworkOutput(policy_logits, baseline[..., 0])
