"""What the evaluator of a run makes of the run's config."""

import dataclasses
import threading

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import evaluator
from attn_agents.evaluation import following
from tests import in_process


class _Stop:
  def __init__(self):
    self.event = threading.Event()

  def __call__(self):
    return self.event.is_set()


def test_games_are_cut_where_the_config_says(tmp_path, monkeypatch):
  plans, stop = [], _Stop()

  class Follower:
    def __init__(self, run, config, plan, every_frames):
      del run, config, every_frames
      plans.append(plan)

    def describe(self, progress):
      raise AssertionError('nothing is played')

    def follow(self, should_stop, progress):
      del should_stop, progress
      stop.event.set()

  monkeypatch.setattr(following, 'Follower', Follower)
  config = in_process.catch_config()
  runtime = dataclasses.replace(
    config.runtime, evaluation_max_episode_frames=408
  )
  evaluator.evaluate(
    topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4),
    dataclasses.replace(config, runtime=runtime),
    lifecycle.StatusFile(tmp_path, 'evaluator'),
    stop,
  )
  assert [plan.max_episode_frames for plan in plans] == [408]
