"""A trained agent as analyses take it."""

import functools
import pathlib
from typing import Any

import jax
from flax import linen as nn

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.acting import action_selection
from attn_agents.algorithms import base
from attn_agents.algorithms import registry as algorithms
from attn_agents.environments import registry as environments
from attn_agents.environments import suite
from attn_agents.networks import factory
from attn_agents.runs import exported, parameters
from configs import schema

# Of games without a clock: as Atari, with 4 frames to an agent step.
_STEP_SECONDS = 1 / 15


class TrainedAgent:
  """Parameters, and compiled functions of them.

  Attributes:
    config: of the run, with the game to be played.
    params: of the agent.
    facts: what files say of it: checkpoint, frames, agent, ...
  """

  def __init__(
    self, config: schema.Config, params: types.Nest, facts: dict[str, Any]
  ):
    """Compiles nothing yet.

    Args:
      config: complete and validated.
      params: as `agent.initial_params` draws them.
      facts: see the class.
    """
    self.config = config
    self.params = jax.device_put(params)
    self.facts = facts

  @functools.cached_property
  def environment_spec(self) -> suite.EnvironmentSpec:
    """Of the game to be played."""
    return environments.spec(self.config.environment)

  @property
  def step_seconds(self) -> float:
    """How long an agent step lasts in the game; 1/15 if it has no clock."""
    spec = self.environment_spec
    if spec.frames_per_second is None:
      return _STEP_SECONDS
    return spec.action_repeat / spec.frames_per_second

  @functools.cached_property
  def network(self) -> nn.Module:
    """The network, without parameters."""
    return factory.make_network(self.config, self.environment_spec.num_actions)

  @functools.cached_property
  def agent(self) -> agent_lib.Agent:
    """The agent as pure functions."""
    return self.with_network(self.network)

  @functools.cached_property
  def _selection_arguments(self) -> tuple[float, ...]:
    """What its algorithm plays evaluations with, such as epsilon."""
    # `log_policy` is traced, too.
    with jax.ensure_compile_time_eval():
      variables = self._algorithm.evaluation_variables(self.config, None)
      return tuple(float(x) for x in variables.selection)

  @property
  def _algorithm(self) -> base.Algorithm:
    return algorithms.get(self.config.algorithm)

  @property
  def epsilon(self) -> float | None:
    """Share of random actions while playing; None for agents with a policy.

    Agents that learn values of actions take the best one otherwise.
    """
    if self.config.network.head == 'policy':
      return None
    return next(iter(self._selection_arguments), 0.0)

  def log_policy(self, outputs: jax.Array) -> jax.Array:
    """Log-probabilities of the actions taken, up to a constant.

    Args:
      outputs: float32 [..., num_actions], `NetworkOutput.policy_logits`.
    """
    selection = self._algorithm.selection()
    return selection.log_probs(outputs, *self._selection_arguments)

  def with_network(self, network: nn.Module) -> agent_lib.Agent:
    """The agent with another network that takes the same parameters."""
    return agent_lib.Agent(network, self.environment_spec.observation_shape)

  @functools.cached_property
  def inspect(self) -> Any:
    """`agent.inspect`, compiled: (params, timestep [B], state [B])."""
    return jax.jit(self.agent.inspect)

  def act(
    self,
    key: jax.Array,
    timestep: types.TimeStep,
    state: types.AgentState,
    policy: str,
  ) -> tuple[agent_lib.Inspection, types.AgentState]:
    """The agent's outputs at one row, and its state after the action.

    Args:
      key: PRNG key, used once.
      timestep: `types.TimeStep` [B].
      state: before the row, [B].
      policy: 'sampled' or 'greedy'.
    """
    return self._act(self.params, key, timestep, state, policy)

  @functools.cached_property
  def _act(self) -> Any:
    return jax.jit(self._inspect_and_select, static_argnums=4)

  def _inspect_and_select(
    self,
    params: types.Nest,
    key: jax.Array,
    timestep: types.TimeStep,
    state: types.AgentState,
    policy: str,
  ) -> tuple[agent_lib.Inspection, types.AgentState]:
    seen = self.agent.inspect(params, timestep, state)
    logits = seen.outputs.policy_logits
    if policy == 'greedy':
      action = action_selection.greedy(key, logits)
    else:
      action = action_selection.sampled(key, self.log_policy(logits))
    return seen, types.AgentState(seen.core_state, action)

  def with_params(self, params: types.Nest, **facts: Any) -> 'TrainedAgent':
    """The same agent with other parameters; nothing is compiled again."""
    other = TrainedAgent(self.config, params, {**self.facts, **facts})
    for name in ('network', 'agent', 'inspect', '_act'):
      other.__dict__[name] = getattr(self, name)
    return other


def restore(
  trained: schema.Config,
  played: schema.Config,
  directory: pathlib.Path,
  step: int,
) -> TrainedAgent:
  """Reads the agent of a checkpoint.

  Args:
    trained: config of the run.
    played: the same with the game to be played.
    directory: from `saved_runs.find`.
    step: from `saved_runs.find`.

  Raises:
    ConfigError: its arrays are not those of the config's agent.
  """
  restored = parameters.restore(trained, directory, step)
  return TrainedAgent(
    played,
    restored.params,
    {
      'run': exported.address(directory),
      'agent': trained.agent,
      'preset': trained.preset,
      'algorithm': trained.algorithm,
      'trained_game': trained.environment.game,
      'training_seed': trained.seed,
      'checkpoint': step,
      'training_frames': restored.counters.frames,
    },
  )
