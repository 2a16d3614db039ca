"""What a learner counts, publishes and waits for, and when time is over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.learning import (
  batching,
  company,
  joint_learner,
  learner,
  train_state,
)
from attn_agents.runs import snapshots
from tests import in_process

_INFO = batching.BatchInfo(
  agent_steps=5,
  versions=np.zeros(1),
  game_returns=np.zeros(1),
  game_lengths=np.zeros(1),
  games=np.zeros(1),
  steps_of_games=np.zeros(1),
  actor_seconds=np.zeros(4),
)


class _Nobody:
  def publish(self, values, version):
    pass


def _learner(wall_time, *settings, company_=None):
  config = in_process.catch_config(*settings, agent='impala_shallow')
  parts = experiment.Experiment(config)
  start = snapshots.Snapshot(
    jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), parts.state_spec()),
    snapshots.Counters(wall_time=wall_time),
  )
  return parts.make_learner(start, _Nobody(), jax.local_devices()[:1], company_)


def test_time_counts_over_all_starts_of_a_run():
  assert not _learner(3000.0, 'max_hours=1').time_is_over
  assert _learner(3600.0, 'max_hours=1').time_is_over
  assert not _learner(1e7).time_is_over


def test_hosts_end_by_the_clock_of_the_first_after_the_same_update():
  for leads in (True, False):
    alone = company.Alone()
    alone.leads = leads
    learner = _learner(3599.0, 'max_hours=1', company_=alone)
    assert isinstance(learner, joint_learner.JointLearner)
    learner._started -= 10
    assert not learner.time_is_over, 'no host has said so in an update'
    said = np.asarray(learner._prepare(_INFO).increments)
    np.testing.assert_array_equal(said, [[5, 1, 0, 0, leads]])
    learner._waiting = {1: {'increments': np.array([5, 1, 0, 0, 0])}}
    learner._settle()
    assert not learner.time_is_over
    learner._waiting = {2: {'increments': np.array([5, 1, 0, 0, 1])}}
    learner._settle()
    assert learner.time_is_over
  # Nobody makes an update more in a run that is over.
  assert _learner(3600.0, 'max_hours=1', company_=company.Alone()).time_is_over


class _Computing:
  """A metric of an update, by its number, that somebody may wait for."""

  def __init__(self, number, waited):
    self._number, self._waited = number, waited

  def block_until_ready(self):
    self._waited.append(self._number)
    return self


class _Everybody:
  def __init__(self):
    self.published = []

  def publish(self, values, version):
    self.published.append((version, np.asarray(values).tolist()))


def _continued(synchronous):
  """A learner of an update that adds 1; what it publishes and waits for."""
  waited, variables = [], _Everybody()

  def update(state, batch):
    number = int(state.learner_steps[0]) + 1
    state = state._replace(
      params={'w': state.params['w'] + batch},
      learner_steps=state.learner_steps + 1,
    )
    return state, {'loss': _Computing(number, waited)}

  start = train_state.TrainState(
    {'w': np.float32(2.0)}, (), (), np.int32(100), np.int32(0)
  )
  made = learner.Learner(
    update,
    snapshots.Snapshot(
      start,
      snapshots.Counters(
        agent_steps=100, frames=400, learner_steps=10, games=3
      ),
    ),
    variables,
    jax.local_devices()[:1],
    action_repeat=4,
    publish_every_updates=3,
    synchronous=synchronous,
    max_seconds=0.0,
    to_publish=lambda params, steps: (params, jnp.float32(steps)),
    measure=lambda params, batch: {},
  )
  return made, variables.published, waited


@pytest.mark.parametrize('synchronous', [False, True])
def test_updates_are_counted_published_now_and_then_and_awaited(synchronous):
  """In lock step for the update itself, else for the one before."""
  made, published, waited = _continued(synchronous)
  seen = []
  for version in range(10, 15):
    info = _INFO._replace(
      versions=np.full(2, version), game_returns=np.zeros(2)
    )
    _, lags = made.step(jnp.float32(1.0), info)
    assert lags.tolist() == [0, 0]
    seen.append(list(waited))
    waited.clear()
  alone = [[], [1], [2], [3], [4]]
  assert seen == ([[1], [2], [3], [4], [5]] if synchronous else alone)
  # Parameters, and agent steps so far.
  assert published == [
    (10, [2.0, 100.0]), (12, [4.0, 110.0]), (15, [7.0, 125.0]),
  ]  # fmt: skip
  counted = made.counters
  assert (counted.agent_steps, counted.frames) == (125, 500)
  assert (counted.learner_steps, counted.games) == (15, 3 + 5 * 2)


def test_only_in_lock_step_unrolls_of_older_parameters_are_refused():
  info = _INFO._replace(versions=np.array([10, 9]))
  _, lags = _continued(synchronous=False)[0].step(jnp.float32(1.0), info)
  assert lags.tolist() == [0, 1]
  made, _, _ = _continued(synchronous=True)
  with pytest.raises(learner.StaleDataError, match=r'update 10 .* \[9, 10\]'):
    made.step(jnp.float32(1.0), info)
  assert made.counters.learner_steps == 10
