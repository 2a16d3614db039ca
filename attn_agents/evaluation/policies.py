"""Who plays while scoring: a trained agent or chance."""

import jax
import numpy as np

from attn_agents import types
from attn_agents.acting import action_selection, actor


class AgentPolicy:
  """Plays with fixed parameters, one jitted call per row."""

  def __init__(
    self,
    compiled: actor.Policy,
    variables: action_selection.Variables,
    num_envs: int,
    seed: int,
  ):
    """Starts at the beginning of a game in every environment.

    Args:
      compiled: of the agent; compiled once for all that are given the same.
      variables: what it computes with.
      num_envs: B.
      seed: of the sampled actions.
    """
    self._compiled = compiled
    self._variables = jax.device_put(variables)
    self._state = compiled.initial_state(num_envs)
    self._key = jax.random.key(seed)

  def act(self, timestep: types.TimeStep) -> np.ndarray:
    """See `episodes.Policy`."""
    output, self._state, self._key = self._compiled.step(
      self._variables, self._key, timestep, self._state
    )
    return np.asarray(output.action)


class RandomPolicy:
  """All actions are equally likely, as in the `random` column of scores."""

  def __init__(self, num_actions: int, num_envs: int, seed: int):
    """Seeds the generator."""
    self._generator = np.random.default_rng(seed)
    self._num_actions, self._num_envs = num_actions, num_envs

  def act(self, timestep: types.TimeStep) -> np.ndarray:
    """See `episodes.Policy`."""
    del timestep
    return self._generator.integers(
      self._num_actions, size=self._num_envs, dtype=np.int32
    )
