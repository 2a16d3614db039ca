"""What every environment looks like to an actor."""

from typing import Protocol

import numpy as np

from attn_agents import types


class Environment(Protocol):
  """A batch of B = `num_envs` environments stepped together.

  Rows are auto-reset as `types` states: the row after a LAST one is a FIRST
  one, whose action is ignored and whose reward is 0.

  Attributes:
    num_envs: B.
    num_actions: size of the discrete action set, the same in every row.
    observation_shape: (height, width, channels) of one uint8 observation.
  """

  num_envs: int
  num_actions: int
  observation_shape: tuple[int, int, int]

  def reset(self) -> types.EnvOutput:
    """Starts new games in all rows.

    Returns:
      NumPy arrays [B, ...], every row FIRST with reward 0 and discount 1. No
      game counts as ended, whatever was going on before.
    """

  def step(self, action: np.ndarray) -> types.EnvOutput:
    """Advances every environment by one row.

    Args:
      action: int32 [B], each in 0..num_actions - 1; ignored where the row
        before was LAST.

    Returns:
      NumPy arrays [B, ...]. Later steps never write to them; the caller must
      not either.
    """

  def close(self) -> None:
    """Frees threads and memory; the environment cannot be used afterwards."""
