"""Linear schedules."""

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.environments import registry as environments
from configs import schema


def annealed(config: schema.Config, agent_steps: types.Array) -> jax.Array:
  """The factor of annealed quantities, float32 [], 1 down to `anneal_to`.

  Args:
    config: the run's.
    agent_steps: int32 [], of all actors together.
  """
  optimizer = config.optimizer
  if not optimizer.anneal_frames:
    return jnp.float32(1.0)
  spec = environments.spec(config.environment)
  steps = optimizer.anneal_frames / spec.action_repeat
  return linear(1.0, optimizer.anneal_to, agent_steps, steps)


def clip_share(config: schema.Config, agent_steps: types.Array) -> jax.Array:
  """What is left of PPO's clip, float32 [].

  All of it, unless the learning rate falls to 0; then both fall alike, as in
  baselines. A smaller clip makes updates change the policy less, so it stays
  where the learning rate stays above 0.

  Args:
    config: the run's.
    agent_steps: int32 [], of all actors together.
  """
  if not config.optimizer.ends_run:
    return jnp.float32(1.0)
  return annealed(config, agent_steps)


def linear(
  start: types.Array, end: float, steps: types.Array, length: float
) -> jax.Array:
  """Goes from `start` to `end` within `length` steps and stays, float32 []."""
  share = jnp.clip(jnp.float32(steps) / length, 0.0, 1.0)
  return jnp.float32(start) + share * (end - start)
