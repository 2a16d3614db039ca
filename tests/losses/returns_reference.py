"""Returns and advantages from their definitions, one episode at a time."""

import numpy as np

from tests.losses import episodes


def gae(outputs, unroll, config, gae_lambda):
  """Schulman et al. 2016, Eq. 16, as a double sum; 0 where masked.

  `config` has gamma and the clip of rewards.
  """
  advantages = np.zeros(unroll.action.shape)
  for piece in episodes.pieces(outputs, unroll, config):
    index, rewards, discounts, values = piece
    n = len(rewards)
    deltas = rewards + discounts * values[1:] - values[:-1]
    for t in range(n):
      advantages[index][t] = sum(
        np.prod(discounts[t : t + k]) * gae_lambda**k * deltas[t + k]
        for k in range(n - t)
      )
  return advantages


def n_step(outputs, unroll, config):
  """Rewards to the end of the piece, and the value there; 0 where masked."""
  returns = np.zeros(unroll.action.shape)
  for index, rewards, discounts, values in episodes.pieces(
    outputs, unroll, config
  ):
    n = len(rewards)
    for t in range(n):
      gamma_to = [np.prod(discounts[t:k]) for k in range(n + 1)]
      returns[index][t] = gamma_to[n] * values[n] + sum(
        gamma_to[k] * rewards[k] for k in range(t, n)
      )
  return returns
