"""The agent as pure functions of its parameters, the same for any network.

Jitting, placing and batching are the callers' business.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from attn_agents import types
from attn_agents.acting import action_selection

# Networks draw from 'glimpse' whenever they are run with a key, and from
# 'soft_share' in learning only; see `networks/q_network.py`.
_ACTING, _LEARNING = ('glimpse',), ('glimpse', 'soft_share')


class Inspection(NamedTuple):
  """What a network says and does at one row; leading axis [B].

  Attributes:
    outputs: `types.NetworkOutput` [B].
    core_state: the network's state after the row, [B].
    intermediates: what the network sows, by its path: 'attention' or
      'section_0/mask', [B, ...].
  """

  outputs: types.NetworkOutput
  core_state: types.Nest
  intermediates: dict[str, jax.Array]


class Agent:
  """Acts with, and unrolls for learning, a network of `networks.factory`."""

  def __init__(
    self, network: nn.Module, observation_shape: tuple[int, int, int]
  ) -> None:
    """Binds a network to the shape of its observations.

    Args:
      network: see `networks.factory.make_network`.
      observation_shape: height, width and channels.
    """
    self._network = network
    self._observation_shape = observation_shape

  def initial_params(self, key: jax.Array) -> types.Nest:
    """Draws parameters, a tree of float32 arrays."""
    shape = (1, 1)
    inputs = types.NetworkInput(
      observation=jnp.zeros((*shape, *self._observation_shape), jnp.uint8),
      reward=jnp.zeros(shape, jnp.float32),
      prev_action=jnp.zeros(shape, jnp.int32),
      is_first=jnp.ones(shape, bool),
    )
    state = self.initial_state(1).core_state
    return self._network.init(key, inputs, state)['params']

  def initial_state(self, batch_size: int) -> types.AgentState:
    """The state before the first row of B episodes: zeros."""
    return types.AgentState(
      core_state=self._network.initial_state(batch_size),
      prev_action=jnp.zeros((batch_size,), jnp.int32),
    )

  def step(
    self,
    params: types.Nest,
    key: jax.Array,
    timestep: types.TimeStep,
    agent_state: types.AgentState,
    select: action_selection.Select = action_selection.sampled,
  ) -> tuple[types.AgentOutput, types.AgentState]:
    """Selects an action at one row.

    Args:
      params: from `initial_params`.
      key: PRNG key, used once; the caller splits it.
      timestep: `types.TimeStep` [B].
      agent_state: the state before the row, [B].
      select: takes the key and policy_logits [B, num_actions].

    Returns:
      The actions, and the state after them.
    """
    row = jax.tree_util.tree_map(lambda x: x[None], timestep)
    outputs, core_state = self._apply(
      params,
      row,
      agent_state.prev_action[None],
      agent_state.core_state,
      _streams(key, _ACTING),
    )
    logits = outputs.policy_logits[0]
    action = select(key, logits)
    return (
      types.AgentOutput(action, logits, outputs.baseline[0]),
      types.AgentState(core_state, action),
    )

  def inspect(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    agent_state: types.AgentState,
    perturbations: types.Nest | None = None,
  ) -> Inspection:
    """Runs the network at one row and keeps what it sows, for analysis.

    Args:
      params: from `initial_params`.
      timestep: `types.TimeStep` [B]; a float32 observation must be in [0, 1].
      agent_state: the state before the row, [B].
      perturbations: added inside the network where it says `perturb`, by name,
        [1, B, ...]; the gradient with respect to them is that with respect to
        what is there.
    """
    row = jax.tree_util.tree_map(lambda x: x[None], timestep)
    variables = {'params': params}
    if perturbations is not None:
      variables['perturbations'] = perturbations
    (outputs, core_state), recorded = self._network.apply(
      variables,
      _network_input(row, agent_state.prev_action[None]),
      agent_state.core_state,
      mutable=['intermediates'],
    )
    sown = traverse_util.flatten_dict(
      recorded.get('intermediates', {}), sep='/'
    )
    return Inspection(
      outputs=jax.tree_util.tree_map(lambda x: x[0], outputs),
      core_state=core_state,
      # Flax wraps each in a tuple of one.
      intermediates={name: values[0][0] for name, values in sown.items()},
    )

  def unroll(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    action: types.Array,
    agent_state: types.AgentState,
    key: jax.Array | None = None,
  ) -> types.NetworkOutput:
    """Runs the network over the rows of an unroll.

    Args:
      params: from `initial_params`.
      timestep: `types.TimeStep` [T + 1, B].
      action: int32 [T, B], the actions chosen at rows 0..T-1.
      agent_state: the state before row 0, [B].
      key: for networks that draw in learning; without one they take what is
        likeliest.

    Returns:
      `types.NetworkOutput` [T + 1, B], equal to that of T + 1 calls of `step`
      with these actions, if nothing was drawn.
    """
    prev_action = jnp.concatenate(
      [agent_state.prev_action[None], action], axis=0
    )
    outputs, _ = self._apply(
      params,
      timestep,
      prev_action,
      agent_state.core_state,
      None if key is None else _streams(key, _LEARNING),
    )
    return outputs

  def unroll_parts(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    action: types.Array,
    agent_state: types.AgentState,
    length: int,
  ) -> tuple[types.NetworkOutput, types.AgentState]:
    """As `unroll`, and the states from which its parts begin.

    Args:
      params: from `initial_params`.
      timestep: `types.TimeStep` [T + 1, B].
      action: int32 [T, B].
      agent_state: the state before row 0, [B].
      length: rows of a part, a divisor of T.

    Returns:
      `types.NetworkOutput` [T + 1, B], and the states before rows 0, length,
      2 length and so on, [T / length, B].
    """
    prev_action = jnp.concatenate(
      [agent_state.prev_action[None], action], axis=0
    )
    core_state, outputs, states = agent_state.core_state, [], []
    for start in range(0, len(action), length):
      end = start + length
      # The last row is of the last part.
      rows = slice(start, end if end < len(action) else None)
      states.append(types.AgentState(core_state, prev_action[start]))
      part, core_state = self._apply(
        params,
        jax.tree.map(lambda x, rows=rows: x[rows], timestep),
        prev_action[rows],
        core_state,
        None,
      )
      outputs.append(part)
    return (
      jax.tree.map(lambda *x: jnp.concatenate(x), *outputs),
      jax.tree.map(lambda *x: jnp.stack(x), *states),
    )

  def _apply(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    prev_action: jax.Array,
    core_state: types.Nest,
    streams: dict[str, jax.Array] | None,
  ) -> tuple[types.NetworkOutput, types.Nest]:
    inputs = _network_input(timestep, prev_action)
    return self._network.apply(
      {'params': params}, inputs, core_state, rngs=streams
    )


def _network_input(
  timestep: types.TimeStep, prev_action: jax.Array
) -> types.NetworkInput:
  return types.NetworkInput(
    observation=timestep.observation,
    reward=timestep.reward,
    prev_action=prev_action,
    is_first=timestep.step_type == types.StepType.FIRST,
  )


def _streams(key: jax.Array, names: tuple[str, ...]) -> dict[str, jax.Array]:
  # Beside what is drawn from the key itself, which no network changes.
  return {
    name: jax.random.fold_in(key, number)
    for number, name in enumerate(names, start=1)
  }
