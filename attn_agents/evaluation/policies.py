"""Who plays while scoring: a trained agent, sampled or greedy, or chance."""

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.acting import actor


class Greedy:
  """An agent that takes its likeliest action instead of sampling."""

  def __init__(self, agent: actor.Agent):
    """Wraps `agent`."""
    self._agent = agent
    self.initial_state = agent.initial_state

  def step(
    self,
    params: types.Nest,
    key: types.Array,
    timestep: types.TimeStep,
    agent_state: types.AgentState,
  ) -> tuple[types.AgentOutput, types.AgentState]:
    """See `actor.Agent`; `key` does not matter."""
    output, state = self._agent.step(params, key, timestep, agent_state)
    likeliest = jnp.argmax(output.policy_logits, axis=-1).astype(jnp.int32)
    return (
      output._replace(action=likeliest),
      state._replace(prev_action=likeliest),
    )


class AgentPolicy:
  """Plays with fixed parameters, one jitted call per row."""

  def __init__(
    self,
    compiled: actor.Policy,
    params: types.Nest,
    num_envs: int,
    seed: int,
  ):
    """Starts at the beginning of a game in every environment.

    Args:
      compiled: of the agent; compiled once for all that are given the same.
      params: of the agent.
      num_envs: B.
      seed: of the sampled actions.
    """
    self._compiled = compiled
    self._params = jax.device_put(params)
    self._state = compiled.initial_state(num_envs)
    self._key = jax.random.key(seed)

  def act(self, timestep: types.TimeStep) -> np.ndarray:
    """See `episodes.Policy`."""
    output, self._state, self._key = self._compiled.step(
      self._params, self._key, timestep, self._state
    )
    return np.asarray(output.action)


class RandomPolicy:
  """All actions are equally likely, as in the `random` column of scores."""

  def __init__(self, num_actions: int, num_envs: int, seed: int):
    """Seeds the dice."""
    self._generator = np.random.default_rng(seed)
    self._num_actions, self._num_envs = num_actions, num_envs

  def act(self, timestep: types.TimeStep) -> np.ndarray:
    """See `episodes.Policy`."""
    del timestep
    return self._generator.integers(
      self._num_actions, size=self._num_envs, dtype=np.int32
    )
