"""The hops of an unroll from emulator to device, each to be timed alone."""

import contextlib
import itertools
import queue as queue_lib
import threading
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import experiment, types
from attn_agents.acting import action_selection
from attn_agents.acting import actor as actor_lib
from attn_agents.learning import feeder as feeder_lib
from attn_agents.transport import interface
from benchmarks import children, drop_sink, harness, queues
from configs import schema

# Enough for both ends of a queue to be busy at the same time.
_BATCHES_AT_ONCE = 4
_PATIENCE_SECONDS = 60.0


class Hops:
  """Each method gives a function whose units are unrolls.

  Attributes:
    megabytes: of one unroll, with all that goes with it.
  """

  def __init__(self, config: schema.Config, seconds: float):
    """Plays the unroll that the hops behind the actor are given.

    Args:
      config: the run; its batch is what the learner takes at once. The network
        is not used.
      seconds: least time of a measurement.
    """
    self._parts = experiment.Experiment(config)
    self._seconds = seconds
    self._items = self._parts.items_per_batch
    self._length = config.learning.unroll_length
    kept = _Keep()
    self._make_actor(kept, queues.keep_on_device()).run_unroll()
    assert kept.trajectory is not None
    self._trajectory = kept.trajectory
    self.megabytes = (
      sum(x.nbytes for x in jax.tree.leaves(self._trajectory)) / 1e6
    )

  def copy(self) -> children.Run:
    """Copies the observations of an unroll on the host; its units are MB."""
    source = np.asarray(self._trajectory.unroll.timestep.observation)
    target = np.zeros_like(source)
    return lambda: harness.repeat(
      lambda: np.copyto(target, source), source.nbytes / 1e6, self._seconds
    )

  def environment(self) -> children.Run:
    """The emulators, under random actions."""
    environment = self._parts.make_environment(self._parts.seeds(0, 0))
    environment.reset()
    rng = np.random.default_rng(0)
    shape = (self._length, environment.num_envs)
    actions = rng.integers(
      0, environment.spec.num_actions, shape, dtype=np.int32
    )

    def call() -> None:
      for action in actions:
        environment.step(action)

    return lambda: harness.repeat(call, 1, self._seconds)

  def actor(self) -> children.Run:
    """The emulators and the actor around them, then dropped."""
    actor = self._make_actor(drop_sink.DropSink(), queues.keep_on_device())
    actor.run_unroll()
    return lambda: harness.repeat(actor.run_unroll, 1, self._seconds)

  def queue(self, make: queues.Make) -> children.Run:
    """Into a queue by one thread and out of it by another."""
    queue = make(self._parts.trajectory_spec(), self._items, self._items)
    unrolls = _BATCHES_AT_ONCE * self._items
    trajectory = self._trajectory
    if not queue.keep_on_device:
      trajectory = jax.tree.map(np.asarray, trajectory)

    def call() -> None:
      with _in_background(lambda: queue.writer.insert(trajectory), unrolls):
        for _ in range(_BATCHES_AT_ONCE):
          next(queue.batches)

    return lambda: harness.repeat(call, unrolls, self._seconds)

  def feeder(self) -> children.Run:
    """Joined into a batch and put on the devices."""
    feed = self._feed(itertools.repeat([self._trajectory] * self._items))
    return lambda: harness.repeat(
      lambda: feed(_BATCHES_AT_ONCE),
      _BATCHES_AT_ONCE * self._items,
      self._seconds,
    )

  def whole(self, make: queues.Make) -> children.Run:
    """All of it, actor and feeder in threads as in a run."""
    queue = make(self._parts.trajectory_spec(), self._items, self._items)
    actor = self._make_actor(queue.writer, queue.keep_on_device)
    feed = self._feed(queue.batches)
    unrolls = _BATCHES_AT_ONCE * self._items

    def call() -> None:
      with _in_background(actor.run_unroll, unrolls):
        feed(_BATCHES_AT_ONCE)

    call()
    return lambda: harness.repeat(call, unrolls, self._seconds)

  def _feed(
    self, batches: Iterator[list[types.Trajectory]]
  ) -> Callable[[int], None]:
    """A function that waits for so many batches on the devices."""
    wanted: queue_lib.SimpleQueue[None] = queue_lib.SimpleQueue()

    def asked_for() -> Iterator[list[types.Trajectory]]:
      # Reading on at the end of a measurement would never come back.
      while True:
        wanted.get()
        yield next(batches)

    feeder = feeder_lib.Feeder(
      asked_for(),
      jax.local_devices(),
      prefetch=self._parts.config.queue.prefetch_batches,
    )

    def feed(count: int) -> None:
      for _ in range(count):
        wanted.put(None)
      for _ in range(count):
        batch = feeder.get(_PATIENCE_SECONDS)
        if batch is None:
          raise harness.FailedError(f'no batch in {_PATIENCE_SECONDS:g} s')
        jax.block_until_ready(batch[0])

    return feed

  def _make_actor(
    self, sink: interface.TrajectorySink, keep_on_device: bool
  ) -> actor_lib.Actor:
    seeds = self._parts.seeds(0, incarnation=0)
    return actor_lib.Actor(
      self._parts.make_environment(seeds),
      actor_lib.Policy(_RandomAgent(self._parts), action_selection.Variables),
      drop_sink.FixedVariables(np.zeros(1, np.float32)),
      sink,
      unroll_length=self._length,
      policy_seed=seeds.policy,
      keep_on_device=keep_on_device,
    )


class _RandomAgent:
  """Acts at random, and carries the run's states; see `actor.Agent`."""

  def __init__(self, parts: experiment.Experiment):
    self._num_actions = parts.environment_spec.num_actions
    self.initial_state = parts.agent.initial_state

  def step(
    self,
    params: types.Nest,
    key: types.Array,
    timestep: types.TimeStep,
    agent_state: types.AgentState,
    select: action_selection.Select,
  ) -> tuple[types.AgentOutput, types.AgentState]:
    del params
    # The frame is looked at, or it would not be sent to the device.
    nothing = 0.0 * timestep.observation[:, 0, 0, 0].astype(jnp.float32)
    logits = jnp.tile(nothing[:, None], (1, self._num_actions))
    action = select(key, logits)
    return (
      types.AgentOutput(action, logits, nothing),
      types.AgentState(agent_state.core_state, action),
    )


class _Keep:
  """Keeps the last unroll."""

  trajectory: types.Trajectory | None = None

  def insert(self, trajectory: types.Trajectory) -> float:
    self.trajectory = trajectory
    return 0.0


@contextlib.contextmanager
def _in_background(call: Callable[[], object], times: int) -> Iterator[None]:
  """Calls in a thread while the context lasts, which ends after it."""

  def work() -> None:
    for _ in range(times):
      call()

  thread = threading.Thread(target=work, daemon=True)
  thread.start()
  yield
  thread.join()
