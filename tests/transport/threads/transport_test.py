"""What a run in one process makes its queue or its replay with."""

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.runs import kept_replays
from attn_agents.transport.threads import replay, transport
from tests import in_process


def _stop():
  return True


def test_the_queue_holds_so_many_batches_and_gives_one_at_a_time(tmp_path):
  parts = experiment.Experiment(
    in_process.catch_config(
      'queue.capacity_batches=3', 'learning.batch_size=8',
      'runtime.envs_per_actor=4', 'learning.max_policy_lag=none',
      agent='impala_shallow',
    )
  )  # fmt: skip
  made = transport.ThreadsTransport(parts, tmp_path, None, _stop)
  item = jax.tree.map(
    lambda x: np.zeros(x.shape, x.dtype), parts.trajectory_spec()
  )
  source = made.make_source()
  for _ in range(9):
    # What finds no room is dropped at a stop.
    made.make_sink().insert(item)
  assert source.stats() == {'queue_depth': 6}
  assert len(next(source.batches())) == 2
  made.make_publisher().publish(np.ones(2), 4)
  assert made.make_variable_source().take()[0] == 4


@pytest.mark.parametrize('found', [None, 'kept'])
def test_the_replay_is_that_of_the_config_or_what_was_kept(
  tmp_path, monkeypatch, found
):
  parts = experiment.Experiment(
    in_process.catch_config(
      'learning.replay_capacity=700', 'learning.replay_min_size=60',
      'learning.batch_size=24', 'learning.steps_per_update=8',
      'learning.sequence_length=5', 'learning.replay_checkpoint_seconds=77',
      'seed=9', agent='dqn',
    )
  )  # fmt: skip
  given, restored = [], []

  class Buffer:
    restore = staticmethod(restored.append)

    def __init__(self, *args):
      given.extend(args)

  def find(*args):
    assert args == (tmp_path, replay.RUNTIME, 17)
    return found

  monkeypatch.setattr(kept_replays, 'find', find)
  monkeypatch.setattr(replay, 'ReplayBuffer', Buffer)
  limits = []
  monkeypatch.setattr(
    transport.limiter, 'RatioLimiter', lambda *args: limits.append(args)
  )
  transport.ThreadsTransport(parts, tmp_path, 17, _stop)
  assert restored == ([found] if found else [])
  row, *rest = given
  assert row.frame.shape == parts.environment_spec.observation_shape
  keeping = replay.Keeping(tmp_path, 77.0)
  # Catch stacks nothing: the rows are those of five steps and one more.
  assert rest == [700, 1, 6, 24, None, 9, _stop, keeping]
  # 24 samples for each 8 steps.
  assert limits == [(3.0, 60, parts.replay.tolerance)]
