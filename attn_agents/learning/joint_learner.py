"""A learner that makes its updates together with those of other hosts.

Each host counts what it feeds, and all count the same: what they add rides in
the update's own all-reduce, as increments, since totals in float32 would lose
single steps. What a host knows is therefore an update old.
"""

import dataclasses
from typing import Any

import numpy as np

from attn_agents.learning import (
  batching,
  company,
  learner,
  placement,
  train_state,
)
from attn_agents.runs import snapshots

# Of `TrainState.increments`: agent steps, games, hosts that wish to stop,
# whether all are to save, and whether time is over.
NUM_INCREMENTS = 5


class JointLearner(learner.Learner):
  """See `learner.Learner`; its devices are those of this host."""

  def __init__(self, *args: Any, company_: company.Company, **named: Any):
    """Puts the state on the devices and publishes its parameters.

    Args:
      *args: of `Learner`.
      company_: asked at every update, and told.
      **named: of `Learner`.
    """
    self._company = company_
    self._waiting: dict[int, train_state.Metrics] = {}
    super().__init__(*args, **named)
    # All hosts have the same start.
    past = args[1].counters.wall_time
    self._time_is_over = 0 < self._max_seconds <= past
    self._put = placement.sharder(self._devices)

  @property
  def time_is_over(self) -> bool:
    """See `Learner`; by host 0's clock, and after one update on all hosts."""
    return self._time_is_over

  def snapshot(self, *args: Any) -> snapshots.Snapshot:
    """See `Learner`; the counters are those of the state."""
    self._settle()
    made = super().snapshot(*args)
    return dataclasses.replace(made, state=made.state._replace(increments=()))

  def _prepare(self, info: batching.BatchInfo) -> train_state.TrainState:
    # One device says it for all of the host's.
    increments = np.zeros((len(self._devices), NUM_INCREMENTS), np.float32)
    increments[0] = (
      info.agent_steps,
      len(info.game_returns),
      self._company.wishes_to_stop(),
      self._company.wishes_to_save(),
      self._company.leads and super().time_is_over,
    )
    return self._state._replace(increments=self._put(increments))

  def _count(
    self, info: batching.BatchInfo, metrics: train_state.Metrics
  ) -> None:
    """Counts the updates before this one; this one is computing."""
    self._settle()
    self._add(0, 0, updates=1)
    update = self._counters.learner_steps
    self._waiting[update] = {'increments': metrics.pop(train_state.INCREMENTS)}
    if self._synchronous:
      self._settle()

  def _settle(self) -> None:
    """Waits for all updates, and adds what hosts have said in them."""
    for update, metrics in self._waiting.items():
      # The sum over devices was a mean times their number.
      said = np.rint(np.asarray(metrics['increments']))
      self._add(int(said[0]), int(said[1]), updates=0)
      if said[2]:
        self._company.hear_wish()
      if said[3]:
        self._company.hear_save(update)
      self._time_is_over = self._time_is_over or bool(said[4])
    self._waiting = {}
