"""Who plays while scoring: a trained agent, sampled or greedy, or chance."""

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import agent as agent_lib
from attn_agents import types


class AgentPolicy:
  """Plays with fixed parameters, one jitted call per row."""

  def __init__(
    self,
    agent: agent_lib.Agent,
    params: types.Nest,
    num_envs: int,
    seed: int,
    *,
    greedy: bool = False,
  ):
    """Compiles nothing yet.

    Args:
      agent: the network.
      params: its parameters.
      num_envs: B.
      seed: of the sampled actions.
      greedy: take the likeliest action instead of sampling from the policy.
    """
    self._agent = agent
    self._params = jax.device_put(params)
    self._state = agent.initial_state(num_envs)
    self._key = jax.random.key(seed)
    self._greedy = greedy
    self._step = jax.jit(self._split_and_step, donate_argnums=(1, 3))

  def act(self, timestep: types.TimeStep) -> np.ndarray:
    """See `episodes.Policy`."""
    self._state, self._key = self._step(
      self._params, self._key, timestep, self._state
    )
    # Copied: the next step donates the state that it is part of.
    return np.array(self._state.prev_action)

  def _split_and_step(
    self,
    params: types.Nest,
    key: jax.Array,
    timestep: types.TimeStep,
    state: types.AgentState,
  ) -> tuple[types.AgentState, jax.Array]:
    key, step_key = jax.random.split(key)
    output, state = self._agent.step(params, step_key, timestep, state)
    if self._greedy:
      likeliest = jnp.argmax(output.policy_logits, axis=-1)
      state = state._replace(prev_action=likeliest.astype(jnp.int32))
    return state, key


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
