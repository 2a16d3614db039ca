"""What connects the actors and the learner of one process."""

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_agents.algorithms import replay as algorithm_replay
from attn_agents.runs import kept_replays
from attn_agents.transport import interface, sequences
from attn_agents.transport.threads import limiter, queue, replay, variables

if TYPE_CHECKING:
  from attn_agents import experiment


class ThreadsTransport:
  """One queue or replay and one store of variables; see `Transport`."""

  def __init__(
    self,
    parts: 'experiment.Experiment',
    directory: pathlib.Path,
    learner_steps: int | None,
    should_stop: Callable[[], bool],
  ):
    """Takes the memory of a replay, if the run has one.

    Args:
      parts: of the run.
      directory: where replays are kept.
      learner_steps: of the checkpoint that the learner starts from, None for a
        new run; a replay starts from what was kept with it, if anything was.
      should_stop: asked while actors wait; True gives up waiting.
    """
    self._source: queue.TrajectoryQueue | replay.ReplayBuffer
    if parts.replay is None:
      self._source = make_queue(parts, should_stop)
    else:
      self._source = make_replay(parts, parts.replay, directory, should_stop)
      found = kept_replays.find(directory, replay.RUNTIME, learner_steps)
      if found:
        self._source.restore(found)
    self._store = variables.VariableStore()

  def make_sink(self) -> interface.TrajectorySink:
    """See `Transport`."""
    return self._source.make_sink()

  def make_source(self) -> interface.TrajectorySource:
    """See `Transport`; the same each time."""
    return self._source

  def make_publisher(self) -> interface.VariablePublisher:
    """See `Transport`; the same each time."""
    return self._store

  def make_variable_source(self) -> interface.VariableSource:
    """See `Transport`."""
    return self._store.make_source()


def make_queue(
  parts: 'experiment.Experiment', should_stop: Callable[[], bool]
) -> queue.TrajectoryQueue:
  """The queue of a run."""
  return queue.TrajectoryQueue(
    parts.trajectory_spec(),
    parts.config.queue.capacity_batches * parts.items_per_batch,
    parts.items_per_read,
    should_stop,
  )


def make_replay(
  parts: 'experiment.Experiment',
  spec: algorithm_replay.Replay,
  directory: pathlib.Path,
  should_stop: Callable[[], bool],
) -> replay.ReplayBuffer:
  """The replay of a run, empty."""
  env = parts.environment_spec
  return replay.ReplayBuffer(
    sequences.row_spec(env.observation_shape, env.frames_in_stack),
    spec.capacity,
    env.frames_in_stack,
    spec.rows_per_item,
    spec.batch_size,
    limiter.RatioLimiter(
      spec.samples_per_insert, spec.min_size, spec.tolerance
    ),
    parts.config.seed,
    should_stop,
    replay.Keeping(directory, spec.checkpoint_seconds),
  )
