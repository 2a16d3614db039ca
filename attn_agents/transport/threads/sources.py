"""Where the unrolls of a run in one process go, and batches come from."""

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from attn_agents.learning import sequences, training
from attn_agents.runs import kept_replays
from attn_agents.transport.threads import limiter, queue, replay

if TYPE_CHECKING:
  from attn_agents import experiment
  from attn_agents.acting import actor


class Source(training.Source, Protocol):
  """A queue or a replay, both ends of it."""

  def sink(self) -> 'actor.TrajectorySink':
    """Where one actor's unrolls go, for one life of it."""


def make_source(
  parts: 'experiment.Experiment',
  should_stop: Callable[[], bool],
  directory: pathlib.Path,
  learner_steps: int | None,
) -> Source:
  """What the run's algorithm learns from.

  Args:
    parts: of the run.
    should_stop: asked while actors wait; True gives up waiting.
    directory: where replays are kept.
    learner_steps: of the checkpoint that the learner starts from, None for a
      new run; a replay starts from what was kept with it, if anything was.
  """
  config = parts.config
  spec = parts.replay
  if spec is None:
    return queue.TrajectoryQueue(
      parts.trajectory_spec(),
      config.queue.capacity_batches * parts.items_per_batch,
      parts.items_per_read,
      should_stop,
    )
  env = parts.environment_spec
  buffer = replay.ReplayBuffer(
    sequences.row_spec(env.observation_shape, env.frames_in_stack),
    spec.capacity,
    env.frames_in_stack,
    spec.rows_per_item,
    spec.batch_size,
    limiter.RatioLimiter(
      spec.samples_per_insert, spec.min_size, spec.tolerance
    ),
    config.seed,
    should_stop,
    replay.Keeping(directory, spec.checkpoint_seconds),
  )
  if found := kept_replays.find(directory, replay.RUNTIME, learner_steps):
    buffer.restore(found)
  return buffer
