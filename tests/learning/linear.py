"""An agent whose network is linear, and random unrolls for it."""

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types

T, B, A, CORE = 5, 4, 3, 2


class LinearAgent:
  """Linear in observation, initial core state and previous action."""

  def __init__(self, recurrent: bool = True):
    self.traces = 0
    self._recurrent = recurrent

  def initial_params(self, key):
    policy_key, value_key = jax.random.split(key)
    size = 4 + A + (CORE if self._recurrent else 0)
    return {
      'policy': 0.3 * jax.random.normal(policy_key, (size, A)),
      'value': 0.3 * jax.random.normal(value_key, (size,)),
    }

  def unroll(self, params, timestep, action, agent_state):
    self.traces += 1
    rows, batch = timestep.reward.shape
    frames = timestep.observation.reshape(rows, batch, -1) / 255.0
    prev = jnp.concatenate([agent_state.prev_action[None], action])
    parts = [frames, jax.nn.one_hot(prev, A)]
    if self._recurrent:
      shape = (rows, batch, CORE)
      parts.append(jnp.broadcast_to(agent_state.core_state, shape))
    x = jnp.concatenate(parts, axis=-1)
    return types.NetworkOutput(x @ params['policy'], x @ params['value'])


def make_unroll(seed, recurrent=True):
  rng = np.random.default_rng(seed)
  step_type = np.ones((T + 1, B), np.int8)
  # One episode's end, so that the devices' numbers of transitions differ.
  step_type[2, 0], step_type[3, 0] = types.StepType.LAST, types.StepType.FIRST
  discount = np.ones((T + 1, B), np.float32)
  discount[2, 0] = 0.0
  core_state = rng.normal(size=(B, CORE)).astype(np.float32)
  return types.Unroll(
    timestep=types.TimeStep(
      observation=rng.integers(256, size=(T + 1, B, 2, 2, 1), dtype=np.uint8),
      reward=rng.normal(size=(T + 1, B)).astype(np.float32),
      discount=discount,
      step_type=step_type,
    ),
    action=rng.integers(A, size=(T, B), dtype=np.int32),
    behaviour_logits=rng.normal(size=(T, B, A)).astype(np.float32),
    agent_state=types.AgentState(
      core_state=core_state if recurrent else (),
      prev_action=rng.integers(A, size=B, dtype=np.int32),
    ),
  )
