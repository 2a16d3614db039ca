"""V-trace as IMPALA prints it, in slow NumPy, one episode at a time."""

from typing import NamedTuple

import numpy as np

from tests.losses import episodes


class Reference(NamedTuple):
  rho: np.ndarray
  targets: np.ndarray
  advantages: np.ndarray


def _segment_targets(piece, rhos, config):
  """IMPALA Eq. 1 for one piece of one episode: sums of products, O(n^3)."""
  _, rewards, discounts, values = piece
  n = len(rewards)
  rho = np.minimum(config.clip_rho_threshold, rhos)
  c = config.vtrace_lambda * np.minimum(1.0, rhos)
  targets = np.zeros(n + 1)
  for s in range(n + 1):
    targets[s] = values[s]
    for t in range(s, n):
      delta = rho[t] * (rewards[t] + discounts[t] * values[t + 1] - values[t])
      targets[s] += np.prod(discounts[s:t]) * np.prod(c[s:t]) * delta
  return targets


def reference(outputs, unroll, config):
  """Treats every episode on its own."""
  log_pi, log_mu = (
    episodes.taken(episodes.log_softmax(logits), unroll.action)
    for logits in (outputs.policy_logits[:-1], unroll.behaviour_logits)
  )
  rho = np.exp(log_pi - log_mu)
  targets, advantages = np.zeros((2, *unroll.action.shape))
  for piece in episodes.pieces(outputs, unroll, config):
    at = piece.index
    vs = _segment_targets(piece, rho[at], config)
    targets[at] = vs[:-1]
    advantages[at] = np.minimum(config.clip_pg_rho_threshold, rho[at]) * (
      piece.rewards + piece.discounts * vs[1:] - piece.values[:-1]
    )
  return Reference(rho, targets, advantages)
