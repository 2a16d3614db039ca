"""Random unrolls, as a learner would be given them."""

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.environments import registry as environments
from configs import schema

# Of the full Atari action set.
NUM_ACTIONS = 18


def random_timestep(
  config: schema.Config, lead: tuple[int, ...]
) -> types.TimeStep:
  """Noise in the middle of an episode, with leading axes `lead`."""
  rng = np.random.default_rng(0)
  shape = (*lead, *environments.spec(config.environment).observation_shape)
  return types.TimeStep(
    observation=rng.integers(0, 256, shape, dtype=np.uint8),
    reward=rng.normal(size=lead).astype(np.float32),
    discount=np.ones(lead, np.float32),
    step_type=np.full(lead, types.StepType.MID, np.int8),
  )


def random_unroll(
  config: schema.Config, agent: agent_lib.Agent
) -> types.Unroll:
  """B unrolls of T agent steps: every transition counts."""
  length, batch = config.learning.unroll_length, config.learning.batch_size
  rng = np.random.default_rng(1)
  return types.Unroll(
    timestep=random_timestep(config, (length + 1, batch)),
    action=rng.integers(0, NUM_ACTIONS, (length, batch), dtype=np.int32),
    behaviour_logits=rng.normal(size=(length, batch, NUM_ACTIONS)).astype(
      np.float32
    ),
    agent_state=jax.tree.map(np.asarray, agent.initial_state(batch)),
  )


def network_input(timestep: types.TimeStep) -> types.NetworkInput:
  """What a network sees of rows [T, B], with action 0 before each."""
  return types.NetworkInput(
    observation=timestep.observation,
    reward=timestep.reward,
    prev_action=jnp.zeros(timestep.reward.shape, jnp.int32),
    is_first=timestep.step_type == types.StepType.FIRST,
  )
