"""An actor: N environments, one policy, one stream of unrolls."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.acting import action_selection
from attn_agents.acting import rows as rows_lib
from attn_agents.acting import turns as turns_lib
from attn_agents.environments import base
from attn_agents.transport import interface

_T = TypeVar('_T')
# How often an actor that waits for parameters checks whether to stop.
_WAIT_SECONDS = 0.5


class Agent(Protocol):
  """What an actor needs of an agent; `attn_agents.agent.Agent` has it."""

  def initial_state(self, batch_size: int) -> types.AgentState:
    """The state before the first row."""

  def step(
    self,
    params: types.Nest,
    key: types.Array,
    timestep: types.TimeStep,
    agent_state: types.AgentState,
    select: action_selection.Select,
  ) -> tuple[types.AgentOutput, types.AgentState]:
    """Selects actions at one row."""


@dataclasses.dataclass
class _Clock:
  """Seconds spent since the last report."""

  env: float = 0.0
  inference: float = 0.0
  queue: float = 0.0
  start: float = dataclasses.field(default_factory=time.monotonic)


class Policy:
  """What actors compute: compiled once for all that are given the same one.

  Any number of threads may call it.
  """

  def __init__(
    self,
    agent: Agent,
    unravel: Callable[[types.Array], action_selection.Variables],
    select: action_selection.Select = action_selection.sampled,
  ):
    """Compiles nothing yet; the first calls do.

    Args:
      agent: who acts.
      unravel: turns the flat vector that actors are sent into variables.
      select: how actions are selected.
    """
    self._agent = agent
    self._select = select
    self.initial_state = jax.jit(agent.initial_state, static_argnums=0)
    self.unravel = jax.jit(unravel)
    # Takes variables, a key, a row and the state before it; gives the output,
    # the state after, and the next key. Key and state are donated.
    self.step = jax.jit(self._split_and_step, donate_argnums=(1, 3))

  def _split_and_step(
    self,
    variables: action_selection.Variables,
    key: jax.Array,
    timestep: types.TimeStep,
    state: types.AgentState,
  ) -> tuple[types.AgentOutput, types.AgentState, jax.Array]:
    key, step_key = jax.random.split(key)
    output, state = self._agent.step(
      variables.params,
      step_key,
      timestep,
      state,
      lambda key, logits: self._select(key, logits, *variables.selection),
    )
    return output, state, key


class Actor:
  """Plays N environments and sends an unroll of T steps at a time.

  Per step: one jitted call for all environments and one step of them. Per
  unroll: one insert, and one look for newer parameters that never waits, unless
  the policy's lag is bounded. The last row of an unroll is the first row of the
  next one.
  """

  def __init__(
    self,
    environment: base.Environment | base.Rotating,
    policy: Policy,
    variables: interface.VariableSource,
    sink: interface.TrajectorySink,
    *,
    unroll_length: int,
    policy_seed: int,
    actor_id: int = 0,
    max_policy_lag: int | None = None,
    keep_on_device: bool = False,
  ):
    """Compiles nothing yet; the first unroll of its policy does.

    Args:
      environment: N environments; reset by the first unroll. Those of one that
        holds more play in turns of one unroll.
      policy: may be shared with other actors.
      variables: must have parameters before the first unroll.
      sink: takes the unrolls.
      unroll_length: T, transitions per unroll.
      policy_seed: of the sampled actions.
      actor_id: index over all hosts, for reports.
      max_policy_lag: make one unroll for each version of the parameters, at
        most so many versions ahead, and wait for the next; with 0, one with
        each. None: never wait.
      keep_on_device: leave observations, logits and the first state as JAX
        arrays on the default device, for a learner that computes there too,
        instead of bringing them to the host.
    """
    self._environment = environment
    self._policy = policy
    self._variables = variables
    self._sink = sink
    self._unroll_length = unroll_length
    self._actor_id = actor_id
    self._max_policy_lag = max_policy_lag
    self._make_rows: Callable[[types.TimeStep, int], rows_lib.Rows] = (
      rows_lib.DeviceRows if keep_on_device else rows_lib.HostRows
    )
    self._copy_state = _copy_on_device if keep_on_device else _copy_to_host
    self._key = jax.random.key(policy_seed)
    self._params: types.Nest = None
    self._version = -1
    # The version that the next unroll is for, if each is for one.
    self._turn: int | None = None
    self._row: types.EnvOutput | None = None
    self._state = policy.initial_state(environment.num_envs)
    self._turns: turns_lib.Turns | None = None
    if base.is_rotating(environment):
      self._turns = turns_lib.Turns(environment, policy.initial_state)
    self._clock = _Clock()

  def run(self, should_stop: Callable[[], bool]) -> None:
    """Makes unrolls until `should_stop()`."""
    while not should_stop():
      if self._may_play():
        self.run_unroll()

  def run_unroll(self) -> None:
    """Plays T steps and sends them.

    Raises:
      RuntimeError: no parameters have ever arrived.
    """
    self._take_parameters()
    if self._params is None:
      raise RuntimeError('an actor was started before any parameters arrived')
    if self._turns is not None:
      self._row, self._state = self._timed_env(self._turns.begin, self._state)
    elif self._row is None:
      self._row = self._timed_env(self._environment.reset)
    trajectory = self._play()
    self._clock.queue += self._sink.insert(trajectory)

  def close(self) -> None:
    """Frees the environments' threads and memory; it cannot play again."""
    self._environment.close()

  def _may_play(self) -> bool:
    """Whether it is its turn; if not, waits a while for newer parameters."""
    if self._max_policy_lag is None:
      return True
    self._take_parameters()
    if self._turn is None and self._params is not None:
      self._turn = self._version
    if self._turn is not None and (
      self._version >= self._turn - self._max_policy_lag
    ):
      self._turn += 1
      return True
    start = time.monotonic()
    self._variables.wait(_WAIT_SECONDS)
    self._clock.queue += time.monotonic() - start
    return False

  def _play(self) -> types.Trajectory:
    """T steps from the current row, as one trajectory."""
    assert self._row is not None
    length, num_envs = self._unroll_length, self._environment.num_envs
    # Copied, because the first step donates the buffers.
    first_state = self._copy_state(self._state)
    rows = self._make_rows(self._row.timestep, length + 1)
    actions = np.empty((length, num_envs), np.int32)
    game_ends = []
    for t in range(length):
      start = time.monotonic()
      output, self._state, self._key = self._policy.step(
        self._params, self._key, rows.at(t), self._state
      )
      actions[t] = output.action
      rows.put_logits(output.policy_logits)
      self._clock.inference += time.monotonic() - start
      self._row = self._timed_env(self._environment.step, actions[t])
      rows.put(t + 1, self._row.timestep)
      game_ends.append(self._row.game_end)
    self._row = self._row._replace(timestep=rows.at(length))
    timestep, logits = rows.all()
    return types.Trajectory(
      unroll=types.Unroll(
        timestep=timestep,
        action=actions,
        behaviour_logits=logits,
        agent_state=first_state,
      ),
      report=self._report(game_ends),
    )

  def _report(self, game_ends: list[types.GameEnd]) -> types.ActorReport:
    clock, self._clock = self._clock, _Clock()
    return types.ActorReport(
      params_version=np.int64(self._version),
      actor_id=np.int32(self._actor_id),
      games=self._games(),
      game_end=jax.tree.map(lambda *x: np.stack(x), *game_ends),
      env_seconds=np.float32(clock.env),
      inference_seconds=np.float32(clock.inference),
      queue_seconds=np.float32(clock.queue),
      total_seconds=np.float32(self._clock.start - clock.start),
    )

  def _take_parameters(self) -> None:
    newest = self._variables.take()
    if newest is not None:
      self._version, values = newest
      self._params = self._policy.unravel(values)

  def _games(self) -> np.ndarray:
    if self._turns is not None:
      return self._turns.games
    return np.zeros(self._environment.num_envs, np.int32)

  def _timed_env(self, call: Callable[..., _T], *args: Any) -> _T:
    start = time.monotonic()
    output = call(*args)
    self._clock.env += time.monotonic() - start
    return output


def _copy_to_host(state: types.AgentState) -> types.AgentState:
  return jax.tree.map(np.array, state)


@jax.jit
def _copy_on_device(state: types.AgentState) -> types.AgentState:
  return jax.tree.map(jnp.copy, state)
