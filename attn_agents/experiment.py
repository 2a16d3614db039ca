"""One run's parts, assembled from its config.

Knows neither Launchpad nor Reverb: whoever runs the parts passes in where
trajectories go and where parameters come from. So the same actor and learner
work in processes (`distributed/roles/`) and in one thread (the tests).
"""

import dataclasses
import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np
from jax import flatten_util

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.acting import action_selection, actor
from attn_agents.algorithms import registry as algorithms
from attn_agents.algorithms import replay
from attn_agents.environments import base, seeding, suite
from attn_agents.environments import registry as environments
from attn_agents.learning import (
  batching,
  company,
  empty_batches,
  feeder,
  joint_learner,
  learner,
  publisher,
  sight,
  synchronous_batches,
  train_state,
)
from attn_agents.networks import factory as network_factory
from attn_agents.runs import snapshots
from attn_agents.transport import interface, sequences
from configs import schema


class Experiment:
  """Makes every part of a run."""

  def __init__(self, config: schema.Config, num_hosts: int = 1):
    """Makes nothing yet.

    Args:
      config: complete and validated (`configs.resolution.resolve`).
      num_hosts: learner hosts, each of which feeds an equal share of a batch.
    """
    self.config = config
    self._num_hosts = num_hosts
    self.algorithm = algorithms.get(config.algorithm)
    self._policy: actor.Policy | None = None
    self._making_policy = threading.Lock()

  @functools.cached_property
  def environment_spec(self) -> suite.EnvironmentSpec:
    """Of the game, as the agent sees it."""
    return environments.spec(self.config.environment)

  @property
  def games(self) -> tuple[str, ...]:
    """The games that the agent plays, in the order of their numbers."""
    return environments.members(self.config.environment.game)

  @functools.cached_property
  def agent(self) -> agent_lib.Agent:
    """The agent as pure functions."""
    spec = self.environment_spec
    return agent_lib.Agent(
      network_factory.make_network(self.config, spec.num_actions),
      spec.observation_shape,
    )

  @functools.cached_property
  def params_spec(self) -> types.Nest:
    """Shapes and dtypes of the parameters."""
    key = jax.eval_shape(jax.random.key, 0)
    return jax.eval_shape(self.agent.initial_params, key)

  @functools.cached_property
  def variables_spec(self) -> types.Nest:
    """Shapes and dtypes of what actors are sent."""
    agent_steps = jax.ShapeDtypeStruct((), np.int32)
    return jax.eval_shape(self.variables, self.params_spec, agent_steps)

  @property
  def num_variables(self) -> int:
    """P, the number of values that actors are sent."""
    leaves = jax.tree.leaves(self.variables_spec)
    return sum(int(np.prod(x.shape)) for x in leaves)

  def unravel(self) -> Callable[[types.Array], action_selection.Variables]:
    """The function from flat float32 [P] to what the policy computes with."""
    inverses = []

    def ravel(tree: types.Nest) -> jax.Array:
      flat, inverse = flatten_util.ravel_pytree(tree)
      inverses.append(inverse)
      return flat

    # Of shapes alone, which compiles nothing.
    jax.eval_shape(ravel, self.variables_spec)
    return inverses[0]

  def variables(
    self, params: types.Nest, agent_steps: types.Array
  ) -> action_selection.Variables:
    """What actors are sent; see `algorithms.base.Algorithm.variables`."""
    return self.algorithm.variables(self.config, params, agent_steps)

  def evaluation_variables(
    self, params: types.Nest
  ) -> action_selection.Variables:
    """What an evaluator plays with."""
    return self.algorithm.evaluation_variables(self.config, params)

  @property
  def policy(self) -> actor.Policy:
    """What all actors compute, compiled once however many there are."""
    # Actors' threads ask for it at the same time, and a cached property, which
    # has no lock, would make each of them one of its own.
    with self._making_policy:
      if self._policy is None:
        self._policy = actor.Policy(
          self.agent, self.unravel(), self.selection.select
        )
      return self._policy

  @property
  def selection(self) -> action_selection.ActionSelection:
    """How actors select actions."""
    return self.algorithm.selection()

  @functools.cached_property
  def replay(self) -> replay.Replay | None:
    """The replay that updates sample from; None: they read a queue.

    Each learner host has one, and samples its share of a batch from it.
    """
    found = self.algorithm.replay(self.config)
    if found is None:
      return None
    share = found.batch_size // self._num_hosts
    return dataclasses.replace(found, batch_size=share)

  def trajectory_spec(self) -> types.Trajectory:
    """Shapes and dtypes of one item of the queue, derived from `types`."""
    env = self.environment_spec
    length = self.config.learning.unroll_length
    num_envs = self.config.runtime.envs_per_actor

    def spec(shape: tuple[int, ...], dtype: type | str) -> jax.ShapeDtypeStruct:
      return jax.ShapeDtypeStruct(shape, np.dtype(dtype))

    rows, steps = (length + 1, num_envs), (length, num_envs)
    return types.Trajectory(
      unroll=types.Unroll(
        timestep=types.TimeStep(
          observation=spec(
            (*rows, *env.observation_shape), env.observation_dtype
          ),
          reward=spec(rows, np.float32),
          discount=spec(rows, np.float32),
          step_type=spec(rows, np.int8),
        ),
        action=spec(steps, np.int32),
        behaviour_logits=spec((*steps, env.num_actions), np.float32),
        agent_state=jax.eval_shape(
          functools.partial(self.agent.initial_state, num_envs)
        ),
      ),
      report=types.ActorReport(
        params_version=spec((), np.int64),
        actor_id=spec((), np.int32),
        games=spec((num_envs,), np.int32),
        game_end=types.GameEnd(
          game_return=spec(steps, np.float32),
          game_length=spec(steps, np.int32),
        ),
        env_seconds=spec((), np.float32),
        inference_seconds=spec((), np.float32),
        queue_seconds=spec((), np.float32),
        total_seconds=spec((), np.float32),
      ),
    )

  @property
  def items_per_batch(self) -> int:
    """Trajectories (of `envs_per_actor` environments each) per update.

    Of this host's share of the batch.
    """
    share = self.config.learning.batch_size // self._num_hosts
    return share // self.config.runtime.envs_per_actor

  @property
  def items_per_read(self) -> int:
    """Trajectories to read from the queue at a time.

    In lock step there may be more of them than a batch needs, so that their
    number cannot be known beforehand.
    """
    return 1 if self.config.learning.lock_step else self.items_per_batch

  def seeds(
    self, actor_index: int, incarnation: int, host_index: int = 0
  ) -> seeding.ActorSeeds:
    """The seeds of an actor's life; see `seeding.actor_seeds`."""
    return seeding.actor_seeds(
      self.config.seed,
      incarnation,
      host_index=host_index,
      actor_index=actor_index,
      num_envs=self.config.runtime.envs_per_actor,
    )

  def make_environment(self, seeds: seeding.ActorSeeds) -> base.Environment:
    """One actor's environments, not reset yet."""
    return environments.make_environment(
      self.config.environment,
      num_envs=self.config.runtime.envs_per_actor,
      seed=seeds.environment,
      num_threads=self.config.runtime.env_threads,
    )

  def make_actor(
    self,
    variables: interface.VariableSource,
    sink: interface.TrajectorySink,
    seeds: seeding.ActorSeeds,
    actor_index: int = 0,
    *,
    keep_on_device: bool = False,
  ) -> actor.Actor:
    """An actor, which steps nothing until its first unroll."""
    return actor.Actor(
      self.make_environment(seeds),
      self.policy,
      variables,
      sink,
      unroll_length=self.config.learning.unroll_length,
      policy_seed=seeds.policy,
      actor_id=actor_index,
      max_policy_lag=self.config.learning.max_policy_lag,
      keep_on_device=keep_on_device,
    )

  def initial_snapshot(self) -> snapshots.Snapshot:
    """The state of a run that has not started."""
    key = jax.random.key(self.config.seed)
    state = train_state.init_state(self.agent, self.config, key)
    return snapshots.Snapshot(
      state=jax.tree.map(np.asarray, state), counters=snapshots.Counters()
    )

  def nothing_yet(self) -> snapshots.Snapshot:
    """A snapshot of zeros, for a host that is told where to begin."""
    state = jax.tree.map(
      lambda x: np.zeros(x.shape, x.dtype), self.state_spec()
    )
    return snapshots.Snapshot(state, snapshots.Counters())

  def state_spec(self) -> types.Nest:
    """Shapes and dtypes of the train state, for restoring one."""
    return jax.eval_shape(
      lambda: train_state.init_state(self.agent, self.config, jax.random.key(0))
    )

  def make_feeder(
    self,
    batches: Iterable[Any],
    devices: Sequence[jax.Device],
  ) -> feeder.Feeder:
    """The thread that brings batches to the devices.

    Args:
      batches: without end, lists of `items_per_read` trajectories, or
        `sequences.Sampled` from a replay.
      devices: of the learner.
    """
    prefetch = self.config.queue.prefetch_batches
    if self.replay is not None:
      return feeder.Feeder(batches, devices, prefetch, self._assemble)
    if self.config.learning.lock_step:
      batches = synchronous_batches.group(
        batches, self.config.runtime.num_actors
      )
    return feeder.Feeder(batches, devices, prefetch)

  def _assemble(
    self, sampled: sequences.Sampled, num_devices: int
  ) -> tuple[types.ReplayBatch, batching.BatchInfo]:
    assert self.replay is not None
    batch = sequences.join(
      sampled,
      self.environment_spec.frames_in_stack,
      self.replay.sequence_length,
    )
    info = batching.describe_reports(sampled.reports)
    return batching.shard_replay(batch, num_devices), info

  def empty_batch(
    self, devices: Sequence[jax.Device]
  ) -> tuple[types.Batch, batching.BatchInfo]:
    """A host's share of a batch, of which nothing is learned.

    Args:
      devices: of this host.
    """
    item = self.trajectory_spec()
    if self.replay is None:
      return empty_batches.of_queue(item, self.items_per_batch, devices)
    length, size = self.replay.sequence_length, self.replay.batch_size
    return empty_batches.of_replay(item, length, size, devices)

  def make_learner(
    self,
    start: snapshots.Snapshot,
    variables: publisher.Publisher,
    devices: Sequence[jax.Device],
    company_: company.Company | None = None,
  ) -> learner.Learner:
    """A learner at `start`; publishes its parameters at once.

    Args:
      start: where to begin.
      variables: where parameters are published.
      devices: of this host.
      company_: the other learner hosts, if there are any; updates are then made
        on the devices of all.
    """
    all_devices = devices
    make: Callable[..., learner.Learner] = learner.Learner
    if company_ is not None:
      make = functools.partial(joint_learner.JointLearner, company_=company_)
      all_devices = jax.devices()
    return make(
      self.algorithm.make_update(self.agent, self.config, all_devices),
      start,
      variables,
      devices,
      action_repeat=self.environment_spec.action_repeat,
      publish_every_updates=self.config.runtime.publish_every_updates,
      synchronous=self.config.learning.lock_step,
      max_seconds=3600 * self.config.max_hours,
      to_publish=self.variables,
      measure=sight.of_batches(self.agent, self.algorithm.rows),
    )
