"""A learner's loop of parts that only count."""

import dataclasses
import itertools

import numpy as np

from attn_agents.learning import batching, blindness, metrics, training
from attn_agents.runs import checkpoints, snapshots
from configs import schema

UPDATE = {
  'loss': 1.0, 'pg_loss': 1.0, 'baseline_loss': 1.0, 'entropy': 1.0,
  'baseline_mean': 0.0, 'rho_mean': 1.0, 'grad_norm': 1.0, 'clipped': 0.0,
  'nonfinite': 0.0,
}  # fmt: skip
INFO = batching.BatchInfo(
  agent_steps=100,
  versions=np.array([0]),
  game_returns=np.array([5.0]),
  game_lengths=np.array([9]),
  games=np.array([0]),
  steps_of_games=np.array([100]),
  actor_seconds=np.ones(4),
)
RUNTIME = schema.RuntimeConfig(
  log_every_seconds=1e-6, checkpoint_every_seconds=1e9, stall_seconds=0.5
)


class FakeLearner:
  compiles_fast = True

  def __init__(self, update=None, before_step=lambda: None, deviation=1.0):
    self.deviation = deviation
    self.measured = []
    self.compiled = []
    self.time_is_over = False
    self.counters = snapshots.Counters()
    self._metrics = {**UPDATE, **(update or {})}
    self._before_step = before_step

  def step(self, unroll, info):
    self._before_step()
    steps = self.counters.agent_steps + info.agent_steps
    self.counters = dataclasses.replace(
      self.counters,
      agent_steps=steps,
      frames=4 * steps,
      learner_steps=self.counters.learner_steps + 1,
    )
    return self._metrics, np.array([0])

  def compile(self, state, batch):
    self.compiled.append((state, batch))

  def measure(self, batch):
    self.measured.append(batch)
    return {'logits_deviation': self.deviation}

  def check(self):
    """All is well."""

  def snapshot(self, returns=(), lengths=(), of_games=()):
    return snapshots.Snapshot(
      {'w': np.float32(self.counters.learner_steps)},
      self.counters, returns, lengths, of_games,
    )  # fmt: skip


class NoSource:
  def __init__(self):
    self.saved = []

  def batches(self):
    raise AssertionError('the feeder reads')

  def stats(self):
    return {}

  def save(self, learner_steps, at_end):
    self.saved.append((learner_steps, at_end))


class FakeFeeder:
  def __init__(self, batches):
    self._batches = iter(batches)

  def get(self, timeout):
    del timeout
    return next(self._batches, None)


def make(tmp_path, learner, batches, max_frames=0, runtime=RUNTIME, **options):
  checkpointer = checkpoints.Checkpointer(tmp_path / 'checkpoints')
  reports = []
  made = training.Training(
    learner, FakeFeeder(batches), metrics.MetricsWriter(tmp_path, 0),
    checkpointer, runtime, learner.snapshot((), ()),
    max_frames=max_frames, source=NoSource(),
    watch=blindness.Watch('policy'), report=reports.append, **options,
  )  # fmt: skip
  return made, checkpointer, reports


def forever():
  return itertools.repeat((None, INFO))
