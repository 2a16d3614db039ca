"""PPO's objective one transition at a time, in Python's own floats."""

import math
from typing import NamedTuple

import numpy as np


class Reference(NamedTuple):
  pg_loss: float
  baseline_loss: float
  entropy: float
  clipped: int


def _clip(x, low, high):
  return low if x < low else high if x > high else x


def reference(logits, baseline, targets, config, epsilon):
  """Sums over valid transitions; [N, A], [N] and `ppo.Targets` [N]."""
  pg_loss = baseline_loss = entropy = 0.0
  clipped = 0
  for i in range(len(baseline)):
    if not targets.weight[i]:
      continue
    exps = [math.exp(x) for x in logits[i]]
    probs = [x / math.fsum(exps) for x in exps]
    old_prob = math.exp(targets.log_prob[i])
    ratio = probs[targets.action[i]] / old_prob
    advantage = float(targets.advantage[i])
    # Schulman et al. 2017, Eq. 7.
    pg_loss -= float(targets.importance[i]) * min(
      ratio * advantage, _clip(ratio, 1 - epsilon, 1 + epsilon) * advantage
    )
    old, target = float(targets.baseline[i]), float(targets.value_target[i])
    near = old + _clip(baseline[i] - old, -epsilon, epsilon)
    baseline_loss += (
      config.baseline_cost
      * 0.5
      * max((baseline[i] - target) ** 2, (near - target) ** 2)
    )
    entropy -= math.fsum(p * math.log(p) for p in probs)
    clipped += abs(ratio - 1) > epsilon
  return Reference(pg_loss, baseline_loss, entropy, clipped)


def finite_differences(function, x, step=1e-6):
  """Gradient of a function of one float64 array, by central differences."""
  gradient = np.zeros(x.shape)
  for index in np.ndindex(*x.shape):
    ends = []
    for sign in (1, -1):
      moved = x.copy()
      moved[index] += sign * step
      ends.append(function(moved))
    gradient[index] = (ends[0] - ends[1]) / (2 * step)
  return gradient
