"""When the time of a run is over."""

import jax
import numpy as np

from attn_agents import experiment
from attn_agents.learning import batching, company, joint_learner
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
