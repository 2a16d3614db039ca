"""The agent's state of environments that play in turns."""

import functools
from collections.abc import Callable

import jax
import numpy as np

from attn_agents import types
from attn_agents.environments import base


class Turns:
  """Keeps the state of every row that is held, while others play.

  Attributes:
    games: int32 [B], which game each row plays in this turn.
  """

  def __init__(
    self,
    environment: base.Rotating,
    initial_state: Callable[[int], types.AgentState],
  ):
    """Begins no turn.

    Args:
      environment: whose rows.
      initial_state: of an agent that has played so many rows not yet.
    """
    self._environment = environment
    self._states = initial_state(environment.num_held)
    self._rows: np.ndarray | None = None
    self.games = np.zeros(environment.num_envs, np.int32)

  def begin(
    self, state: types.AgentState
  ) -> tuple[types.EnvOutput, types.AgentState]:
    """Begins a turn.

    Args:
      state: after the last row of the turn before, which is kept.

    Returns:
      The newest rows of those that play now, and the state before them.
    """
    if self._rows is not None:
      self._states = _put(self._states, self._rows, state)
    turn = self._environment.begin_turn()
    self._rows, self.games = turn.rows, turn.games
    return turn.output, _take(self._states, turn.rows)


@jax.jit
def _take(states: types.AgentState, rows: np.ndarray) -> types.AgentState:
  return jax.tree.map(lambda x: x[rows], states)


@functools.partial(jax.jit, donate_argnums=0)
def _put(
  states: types.AgentState, rows: np.ndarray, state: types.AgentState
) -> types.AgentState:
  return jax.tree.map(lambda x, y: x.at[rows].set(y), states, state)
