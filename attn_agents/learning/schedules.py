"""What changes as steps go by: a line, and Q-learning's two schedules.

Those, exploration and learning rate, stand still until learning starts, as in
the code released with DARQN.
"""

import jax
import jax.numpy as jnp

from attn_agents import types
from configs import q_learning


def epsilon(
  agent_steps: types.Array, config: q_learning.QLearningConfig
) -> jax.Array:
  """The share of random actions, float32 [].

  Args:
    agent_steps: int [], of all actors together.
    config: where it starts and ends.
  """
  return linear(
    config.epsilon_start, config.epsilon_end,
    agent_steps - config.replay_min_size, config.epsilon_steps,
  )  # fmt: skip


def learning_rate(
  start: types.Array,
  agent_steps: types.Array,
  config: q_learning.QLearningConfig,
) -> jax.Array:
  """The learning rate after so many steps of all actors, float32 [].

  Args:
    start: float32 [], what it falls from.
    agent_steps: int [].
    config: where it ends.
  """
  return linear(
    start, config.final_learning_rate,
    agent_steps - config.replay_min_size, config.learning_rate_steps,
  )  # fmt: skip


def linear(
  start: types.Array, end: float, steps: types.Array, length: float
) -> jax.Array:
  """Goes from `start` to `end` within `length` steps and stays, float32 []."""
  share = jnp.clip(jnp.float32(steps) / length, 0.0, 1.0)
  return jnp.float32(start) + share * (end - start)
