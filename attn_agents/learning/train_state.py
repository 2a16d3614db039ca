"""What learning carries from update to update, on host and devices."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from attn_agents import types
from attn_agents.algorithms import registry
from attn_agents.learning import optimizers
from configs import schema

# The axis of devices. Newer JAX puts its name into the layout of arrays, and
# compiles anew for another name.
AXIS = 'devices'
# Among an update's metrics: the sum of `TrainState.increments` over devices.
INCREMENTS = 'increments'


class Agent(Protocol):
  """What learning needs of an agent, e.g. `attn_agents.agent.Agent`."""

  def initial_state(self, batch_size: int) -> types.AgentState:
    """The state before the first row of B episodes."""

  def initial_params(self, key: types.Array) -> types.Nest:
    """Returns fresh parameters."""

  def unroll(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    action: types.Array,
    agent_state: types.AgentState,
    key: types.Array | None = None,
  ) -> types.NetworkOutput:
    """The network's output on rows [L, B], with actions [L - 1, B] between."""

  def unroll_parts(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    action: types.Array,
    agent_state: types.AgentState,
    length: int,
  ) -> tuple[types.NetworkOutput, types.AgentState]:
    """The same, and the states before parts of `length` rows."""


class Hyperparameters(NamedTuple):
  """What may change during a run without recompilation; each float32 []."""

  learning_rate: types.Array
  entropy_cost: types.Array
  epsilon: types.Array
  clip_threshold: types.Array


class TrainState(NamedTuple):
  """What learning carries from update to update.

  Attributes:
    params: the agent's parameters.
    opt_state: of `optimizers.make_optimizer`. Its own copy of the
      hyperparameters is overwritten from `hyperparams` at every step.
    hyperparams: `Hyperparameters`, before annealing.
    agent_steps: int32 [], which schedules follow: valid transitions in all
      batches or, from a replay, steps that actors have reported. Enough for
      8.6e9 frames.
    learner_steps: int32 [], batches consumed, skipped ones included. The random
      numbers of an update follow from the run's seed and this number, so that a
      continued run makes the same updates.
    target_params: of Q-learning's target network; () elsewhere.
    increments: with several hosts, what each device's host adds to the totals
      of all, float32 [N]; see `joint_learner`. () on one host, and in every
      checkpoint.
  """

  params: types.Nest
  opt_state: optax.OptState
  hyperparams: Hyperparameters
  agent_steps: types.Array
  learner_steps: types.Array
  target_params: types.Nest = ()
  increments: types.Nest = ()


Metrics = dict[str, types.Array]
# From state and batch to state and metrics. The state, as `replicate` makes it,
# is donated: the one passed in must not be used again. The batch is as
# `batching.shard` makes it, or, from replay, `batching.shard_replay`. The
# metrics are float32 [], without a device axis and over the whole batch: those
# of the loss, and those of `gradient_step.GradientStep.apply`; means, if the
# algorithm takes several steps on a batch. With several hosts there are also
# `INCREMENTS`, float32 [N].
Update = Callable[[TrainState, types.Batch], tuple[TrainState, Metrics]]


class Stage(NamedTuple):
  """A compiled part of an update, before it is compiled.

  Attributes:
    name: of the part.
    lowered: the program, not compiled yet.
    times: that it runs in one update.
    keeps_batch: the batch stays on the devices although it is no argument.
    differentiated: the share of the batch that it goes backward through.
  """

  name: str
  lowered: jax.stages.Lowered
  times: int
  keeps_batch: bool = False
  differentiated: float = 1.0


def stages(update: Any, state: types.Nest, batch: types.Nest) -> list[Stage]:
  """The programs of an update, in their order.

  Args:
    update: an `Update`.
    state: shapes and dtypes of a `TrainState`, with a device axis.
    batch: the same of a batch.
  """
  if hasattr(update, 'stages'):
    return update.stages(state, batch)
  return [Stage('update', update.lower(state, batch), 1)]


def init_state(
  agent: Agent, config: schema.Config, key: types.Array
) -> TrainState:
  """Returns the state before the first update, without a device axis.

  Args:
    agent: makes the parameters.
    config: the run's config.
    key: JAX PRNG key.
  """
  # As one program: one by one, some hundred small ones would be compiled.
  params = jax.jit(agent.initial_params)(key)
  algorithm = registry.get(config.algorithm)
  return TrainState(
    params=params,
    opt_state=optimizers.make_optimizer(config.optimizer).init(params),
    hyperparams=Hyperparameters(
      learning_rate=jnp.float32(config.optimizer.learning_rate),
      entropy_cost=jnp.float32(algorithm.entropy_cost(config)),
      epsilon=jnp.float32(config.optimizer.epsilon),
      clip_threshold=jnp.float32(config.optimizer.clip_threshold),
    ),
    agent_steps=jnp.int32(0),
    learner_steps=jnp.int32(0),
    target_params=params if algorithm.has_target_network else (),
  )


def update_key(seed: int, learner_steps: jax.Array) -> jax.Array:
  """Another key for each update and device; within a pmap over `AXIS`.

  Args:
    seed: of the run.
    learner_steps: int32 [], of the state before the update.
  """
  key = jax.random.fold_in(jax.random.key(seed), learner_steps)
  return jax.random.fold_in(key, jax.lax.axis_index(AXIS))


def replicate(tree: types.Nest, devices: Sequence[jax.Device]) -> types.Nest:
  """Returns a copy of each array on each device, with leading axis [D]."""
  return _replicator(tuple(devices))(tree, np.zeros(len(devices)))


@functools.lru_cache(maxsize=1)
def _replicator(devices: tuple[jax.Device, ...]) -> Callable[..., types.Nest]:
  # The second argument is there because pmap maps over at least one.
  return jax.pmap(
    lambda tree, _: tree,
    in_axes=(None, 0),
    devices=list(devices),
    axis_name=AXIS,
  )


def unreplicate(tree: types.Nest) -> types.Nest:
  """Returns the first device's copy as NumPy arrays, without the device axis.

  The arrays own their memory, so that donating `tree` to the next update does
  not change them.
  """
  first = jax.device_get(jax.tree.map(lambda x: x.addressable_data(0), tree))
  return jax.tree.map(
    lambda x, whole: np.array(x).reshape(whole.shape[1:]), first, tree
  )
