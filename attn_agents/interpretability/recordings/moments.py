"""Restores the network's state at moments of a recording.

Recordings hold no recurrent state unless asked for. It is computed again from
the earlier rows.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.interpretability.recordings import recording, trained_agent

_ARRAYS = ('observation', 'reward', 'discount', 'step_type', 'action')


class Moment(NamedTuple):
  """What the network was given at one row, and what it says to that.

  Attributes:
    row: its number in the recording.
    timestep: `types.TimeStep` [1].
    state: `types.AgentState` [1] before the row.
    action: int, the one that was taken.
    seen: `agent.Inspection` [1].
  """

  row: int
  timestep: types.TimeStep
  state: types.AgentState
  action: int
  seen: agent_lib.Inspection


def restore(
  played: trained_agent.TrainedAgent,
  recorded: recording.Recording,
  rows: Sequence[int] | None = None,
) -> Iterator[Moment]:
  """Shows the network a recording again, with the actions that were taken.

  Args:
    played: the agent, not necessarily the one that was recorded.
    recorded: what it is shown.
    rows: which moments to yield, in ascending order; None for all.
  """
  wanted = None if rows is None else set(map(int, rows))
  if wanted is not None and not wanted:
    return
  last = None if wanted is None else max(wanted)
  state = played.agent.initial_state(1)
  for first, arrays in recorded.parts(*_ARRAYS):
    for offset in range(len(arrays['reward'])):
      row = first + offset
      timestep = types.TimeStep(
        *(arrays[name][offset : offset + 1] for name in _ARRAYS[:4])
      )
      action = int(arrays['action'][offset])
      seen = played.inspect(played.params, timestep, state)
      if wanted is None or row in wanted:
        yield Moment(row, timestep, state, action, seen)
      if row == last:
        return
      state = types.AgentState(seen.core_state, jnp.array([action], jnp.int32))


def repeated(tree: types.Nest, count: int) -> types.Nest:
  """A tree of arrays [1, ...], each as [count, ...]."""
  return jax.tree.map(
    lambda x: jnp.broadcast_to(x, (count, *x.shape[1:])), tree
  )
