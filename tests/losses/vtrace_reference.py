"""V-trace as IMPALA prints it, in slow NumPy, one episode at a time."""

from typing import NamedTuple

import numpy as np

from attn_agents import types


def log_softmax(x):
  x = x.astype(np.float64)
  x = x - x.max(-1, keepdims=True)
  return x - np.log(np.exp(x).sum(-1, keepdims=True))


class Reference(NamedTuple):
  rho: np.ndarray
  targets: np.ndarray
  advantages: np.ndarray
  log_pi: np.ndarray


def _segment_targets(values, rewards, discounts, rhos, config):
  """IMPALA Eq. 1 for one piece of one episode: sums of products, O(n^3)."""
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
  """Cuts the unroll at FIRST rows and treats every piece on its own."""
  log_pi, log_mu = (
    np.take_along_axis(log_softmax(x), unroll.action[..., None], -1)[..., 0]
    for x in (outputs.policy_logits[:-1], unroll.behaviour_logits)
  )
  rho = np.exp(log_pi - log_mu)
  values = outputs.baseline.astype(np.float64)
  reward = unroll.timestep.reward[1:].astype(np.float64)
  if config.max_abs_reward:
    limit = config.max_abs_reward
    reward = np.minimum(np.maximum(reward, -limit), limit)
  discount = config.discount * unroll.timestep.discount[1:].astype(np.float64)
  step_type = unroll.timestep.step_type
  num_rows, batch_size = step_type.shape
  targets, advantages = np.zeros((2, num_rows - 1, batch_size))
  for b in range(batch_size):
    firsts = np.flatnonzero(step_type[1:, b] == types.StepType.FIRST) + 1
    for start, end in zip([0, *firsts], [*firsts, num_rows], strict=True):
      rows = slice(start, end)
      steps = slice(start, end - 1)
      vs = _segment_targets(
        values[rows, b], reward[steps, b], discount[steps, b], rho[steps, b],
        config,
      )  # fmt: skip
      targets[steps, b] = vs[:-1]
      advantages[steps, b] = np.minimum(
        config.clip_pg_rho_threshold, rho[steps, b]
      ) * (reward[steps, b] + discount[steps, b] * vs[1:] - values[steps, b])
  return Reference(rho, targets, advantages, log_pi)
