"""Unrolls cut into pieces of one episode each, in float64 NumPy."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from attn_agents import types


class Piece(NamedTuple):
  """What one unroll holds of one episode: n transitions, n + 1 rows.

  Attributes:
    index: where its transitions are in [T, B].
    rewards, discounts: [n], clipped and with gamma.
    values: [n + 1].
  """

  index: tuple[slice, int]
  rewards: np.ndarray
  discounts: np.ndarray
  values: np.ndarray


def pieces(outputs, unroll, config) -> Iterator[Piece]:
  """Cuts at FIRST rows."""
  reward = unroll.timestep.reward[1:].astype(np.float64)
  if config.max_abs_reward:
    limit = config.max_abs_reward
    reward = np.minimum(np.maximum(reward, -limit), limit)
  discount = config.discount * unroll.timestep.discount[1:].astype(np.float64)
  values = outputs.baseline.astype(np.float64)
  step_type = unroll.timestep.step_type
  num_rows, batch_size = step_type.shape
  for b in range(batch_size):
    firsts = np.flatnonzero(step_type[1:, b] == types.StepType.FIRST) + 1
    for start, end in zip([0, *firsts], [*firsts, num_rows], strict=True):
      index = (slice(start, end - 1), b)
      yield Piece(index, reward[index], discount[index], values[start:end, b])


def log_softmax(x):
  x = x.astype(np.float64)
  x = x - x.max(-1, keepdims=True)
  return x - np.log(np.exp(x).sum(-1, keepdims=True))


def taken(log_probs, action):
  return np.take_along_axis(log_probs, action[..., None], -1)[..., 0]


def score(logits, action):
  """Gradient of log softmax(logits)[action] in the logits."""
  return np.eye(logits.shape[-1])[action] - np.exp(log_softmax(logits))


def entropy(logits):
  log_pi = log_softmax(logits)
  return -(np.exp(log_pi) * log_pi).sum(-1)


def entropy_grad(logits):
  """dH/dlogits = -pi (log pi + H)."""
  log_pi = log_softmax(logits)
  return -np.exp(log_pi) * (log_pi + entropy(logits)[..., None])
