"""What Q-learning changes as steps go by: exploration and learning rate.

Both stand still until learning starts, as in the code released with DARQN.
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
  return _linear(
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
  return _linear(
    start, config.final_learning_rate,
    agent_steps - config.replay_min_size, config.learning_rate_steps,
  )  # fmt: skip


def _linear(
  start: types.Array, end: float, steps: types.Array, length: int
) -> jax.Array:
  share = jnp.clip(jnp.float32(steps) / length, 0.0, 1.0)
  return jnp.float32(start) + share * (end - start)
