"""What every environment looks like to an actor."""

from typing import NamedTuple, Protocol, TypeGuard

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


class Turn(NamedTuple):
  """What plays from now on.

  Attributes:
    rows: int32 [B], which of the rows that are held.
    games: int32 [B], which game each of them plays.
    output: their newest rows; FIRST where one has not played yet.
  """

  rows: np.ndarray
  games: np.ndarray
  output: types.EnvOutput


class Rotating(Environment, Protocol):
  """An environment that holds more rows than play at a time.

  Attributes:
    num_held: rows that there are.
  """

  num_held: int

  def begin_turn(self) -> Turn:
    """Chooses the B rows that are stepped until the next turn.

    Those that played before stop where they are, and go on when it is their
    turn again. So may the state of who plays them.
    """


def is_rotating(environment: Environment) -> TypeGuard[Rotating]:
  """Whether an environment holds more rows than play at a time."""
  return hasattr(environment, 'begin_turn')
