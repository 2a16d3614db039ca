"""A sink and parameters for an actor whose own speed is measured."""

import numpy as np
from jax import flatten_util

from attn_agents import types


class DropSink:
  """Takes unrolls and keeps nothing.

  Attributes:
    agent_steps: environment steps in what it was given; the caller resets it.
  """

  def __init__(self) -> None:
    self.agent_steps = 0

  def insert(self, trajectory: types.Trajectory) -> float:
    """Counts; never waits."""
    self.agent_steps += types.num_agent_steps(
      np.asarray(trajectory.unroll.timestep.step_type)
    )
    return 0.0


class FixedVariables:
  """Parameters that never change."""

  def __init__(self, params: types.Nest):
    self._values: np.ndarray | None = np.asarray(
      flatten_util.ravel_pytree(params)[0]
    )

  def take(self) -> tuple[int, np.ndarray] | None:
    """The parameters, once."""
    values, self._values = self._values, None
    return None if values is None else (0, values)

  def wait(self, timeout: float) -> bool:
    """Whether they have not been taken yet."""
    del timeout  # Nothing else will ever come.
    return self._values is not None
