"""What a run keeps in memory at least: games and data, before any network.

The least, so that no run is refused that would have fitted: the network, its
gradients and the libraries come on top.
"""

import math
from typing import NamedTuple

from attn_agents.algorithms import registry
from attn_agents.environments import registry as environments
from configs import schema

# Of each row beside its observation and logits: reward, discount, place in the
# episode, and action.
_BYTES_BESIDE = 13


class Part(NamedTuple):
  """One of the places where data lies.

  Attributes:
    name: for messages.
    num_bytes: when it is full.
    per_row: whether it grows with `learning.unroll_length` + 1.
  """

  name: str
  num_bytes: int
  per_row: bool = True


def parts(config: schema.Config) -> list[Part]:
  """All of them, of a complete config.

  Environments; one unroll of each actor, which it is making; the queue, unless
  actors wait before it is full; the batch that is learned from; and the replay.
  """
  learning, runtime = config.learning, config.runtime
  algorithm = registry.get(config.algorithm)
  rows = learning.unroll_length + 1
  row = _row_bytes(config)
  actors = runtime.num_actors * runtime.envs_per_actor
  games = runtime.num_actors * environments.num_bytes(
    config.environment, runtime.envs_per_actor
  )
  found = [
    Part('environments', games, per_row=False),
    Part('unrolls of actors', actors * rows * row),
  ]
  batch = learning.batch_size * row
  replay = algorithm.replay(config)
  if replay is not None:
    length = replay.sequence_length + 1
    return [
      *found,
      Part('a batch', replay.batch_size * length * row, per_row=False),
      Part('the replay', replay.num_bytes, per_row=False),
    ]
  waiting = config.queue.capacity_batches
  if learning.max_policy_lag is not None:
    waiting = min(waiting, learning.max_policy_lag)
  return [
    *found,
    Part('the queue', waiting * batch * rows),
    Part('a batch', batch * rows),
  ]


def _row_bytes(config: schema.Config) -> int:
  """One row of one environment."""
  spec = environments.spec(config.environment)
  # Observations are bytes in every suite.
  return (
    math.prod(spec.observation_shape) + _BYTES_BESIDE + 4 * spec.num_actions
  )
