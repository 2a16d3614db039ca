"""The learner: owns the train state, updates it, publishes parameters."""

import dataclasses
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax import flatten_util

from attn_agents import types
from attn_agents.learning import batching, publisher, train_state
from attn_agents.runs import snapshots


class StaleDataError(RuntimeError):
  """In lock step, an unroll was made by older parameters."""


class Learner:
  """Applies updates one after another and counts what it has learned from."""

  def __init__(
    self,
    update_fn: train_state.Update,
    start: snapshots.Snapshot,
    variables: publisher.Publisher,
    devices: Sequence[jax.Device],
    *,
    action_repeat: int,
    publish_every_updates: int,
    synchronous: bool,
    max_seconds: float,
    to_publish: Callable[[types.Nest, types.Array], types.Nest],
    measure: Callable[[types.Nest, types.Batch], train_state.Metrics],
  ):
    """Puts the state on the devices and publishes its parameters.

    Args:
      update_fn: from `Algorithm.make_update` for the same devices.
      start: where to begin, new or restored.
      variables: takes flat float32 [P] variables and their version, which is
        the number of learner steps that made them.
      devices: D local devices.
      action_repeat: frames per agent step.
      publish_every_updates: updates between two publications.
      synchronous: lock step; unrolls of older parameters are refused.
      max_seconds: of running, after which time is over; 0 for never.
      to_publish: from parameters and the agent steps so far, int32 [], to what
        actors are sent.
      measure: from the first device's parameters and part of a batch, both with
        a leading axis of 1, to what a row of metrics tells of them.
    """
    self._update = update_fn
    self._devices = list(devices)
    self._variables = variables
    self._action_repeat = action_repeat
    self._publish_every = publish_every_updates
    self._synchronous = synchronous
    self._max_seconds = max_seconds
    self._measure = measure

    def flatten(params: types.Nest, agent_steps: jax.Array) -> jax.Array:
      first = jax.tree.map(lambda x: x[0], params)
      return flatten_util.ravel_pytree(to_publish(first, agent_steps))[0]

    self._flatten = jax.jit(flatten)
    self._state = train_state.replicate(start.state, devices)
    self._last_metrics: train_state.Metrics | None = None
    self._started = time.monotonic() - start.counters.wall_time
    self._counters = start.counters
    self._publish()

  @property
  def counters(self) -> snapshots.Counters:
    """Totals so far."""
    return dataclasses.replace(
      self._counters, wall_time=time.monotonic() - self._started
    )

  @property
  def time_is_over(self) -> bool:
    """Whether the run has been running for as long as it may."""
    return 0 < self._max_seconds <= self.counters.wall_time

  @property
  def compiles_fast(self) -> bool:
    """Whether `compile` takes hardly longer than the compiler does.

    A whole update on a CPU takes as long as the first that counts.
    """
    in_parts = hasattr(self._update, 'compile')
    return in_parts or self._devices[0].platform != 'cpu'

  def compile(self, state: train_state.TrainState, batch: types.Batch) -> None:
    """Compiles the update before there is anything to learn from.

    It is made of copies, and thrown away.

    Args:
      state: a state as it starts from, on the host.
      batch: as `step` takes it.
    """
    make = getattr(self._update, 'compile', self._update)
    copy = train_state.replicate(state, self._devices)
    jax.block_until_ready(make(copy, batch))

  def step(
    self, batch: types.Batch, info: batching.BatchInfo
  ) -> tuple[train_state.Metrics, np.ndarray]:
    """One update.

    Returns once the update *before* this one has finished, so that the devices
    always have work; in lock step, once this one has.

    Args:
      batch: [D, T + 1, B / D, ...] on the devices.
      info: its description.

    Returns:
      The update's metrics, possibly still computing, and the policy lag of
      each trajectory in updates.

    Raises:
      StaleDataError: in lock step, a lag is not 0.
    """
    lags = self._counters.learner_steps - info.versions
    if self._synchronous and lags.any():
      raise StaleDataError(
        f'update {self._counters.learner_steps} was given unrolls made by the '
        f'parameters of versions {sorted({*info.versions.tolist()})}'
      )
    self._state, metrics = self._update(self._prepare(info), batch)
    self._count(info, metrics)
    if self._counters.learner_steps % self._publish_every == 0:
      self._publish()
    if self._synchronous:
      # No actor plays before it has these parameters.
      jax.block_until_ready(metrics)
    elif self._last_metrics is not None:
      jax.block_until_ready(self._last_metrics)
    self._last_metrics = metrics
    return metrics, lags

  def _prepare(self, info: batching.BatchInfo) -> train_state.TrainState:
    """The state that the update of a batch takes."""
    del info
    return self._state

  def _count(
    self, info: batching.BatchInfo, metrics: train_state.Metrics
  ) -> None:
    """Counts an update, which may still be computing."""
    del metrics
    self._add(info.agent_steps, len(info.game_returns), updates=1)

  def _add(self, agent_steps: int, games: int, updates: int) -> None:
    steps = self._counters.agent_steps + agent_steps
    self._counters = dataclasses.replace(
      self._counters,
      agent_steps=steps,
      frames=steps * self._action_repeat,
      learner_steps=self._counters.learner_steps + updates,
      games=self._counters.games + games,
    )

  def measure(self, batch: types.Batch) -> dict[str, float]:
    """What the present parameters make of a batch, on the first device.

    Waits for the last update. Compiles when it is called first.

    Args:
      batch: as `step` takes it, which leaves it as it is.
    """
    found = self._measure(_first(self._state.params), _first(batch))
    return {name: float(x) for name, x in jax.device_get(found).items()}

  def check(self) -> None:
    """Raises if publishing parameters has failed."""
    self._variables.check()

  def snapshot(
    self,
    recent_returns: Sequence[float] = (),
    recent_lengths: Sequence[float] = (),
    recent_of_games: Sequence[tuple[int, float]] = (),
  ) -> snapshots.Snapshot:
    """Copies to the host what a continued run needs; waits for updates."""
    return snapshots.Snapshot(
      state=train_state.unreplicate(self._state),
      counters=self.counters,
      recent_returns=tuple(recent_returns),
      recent_lengths=tuple(recent_lengths),
      recent_of_games=tuple(recent_of_games),
    )

  def _publish(self) -> None:
    # Copied now, since the next update donates the parameters.
    first = _first(self._state.params)
    counters = self._counters
    values = self._flatten(first, np.int32(counters.agent_steps))
    self._variables.publish(values, counters.learner_steps)


def _first(tree: types.Nest) -> types.Nest:
  """The first device's part of arrays [D, ...], as [1, ...], where it is."""
  return jax.tree.map(lambda x: x.addressable_data(0), tree)
