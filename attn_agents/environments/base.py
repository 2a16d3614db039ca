"""What every environment looks like to an actor."""

from typing import Protocol

import numpy as np

from attn_agents import types
from attn_agents.environments import suite


class Environment(Protocol):
  """A batch of B = `num_envs` environments stepped together.

  Rows are auto-reset as `types` states: the row after a LAST one is a FIRST
  one, whose action is ignored and whose reward is 0.

  Attributes:
    num_envs: B.
    spec: of every row.
  """

  num_envs: int
  spec: suite.EnvironmentSpec

  def reset(self) -> types.EnvOutput:
    """Starts new games in all rows.

    Returns:
      NumPy arrays [B, ...], every row FIRST with reward 0 and discount 1. No
      game counts as ended, whatever was going on before.
    """

  def step(self, action: np.ndarray) -> types.EnvOutput:
    """Advances every environment by one row.

    Args:
      action: int32 [B], each in 0..spec.num_actions - 1; ignored where the row
        before was LAST.

    Returns:
      NumPy arrays [B, ...]. Later steps never write to them; the caller must
      not either.
    """

  def close(self) -> None:
    """Frees threads and memory; the environment cannot be used afterwards."""
