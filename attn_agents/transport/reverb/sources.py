"""The queue or the replay, as the run's algorithm has it, and its two ends."""

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import reverb

from attn_agents import types
from attn_agents.algorithms import replay as replay_lib
from attn_agents.learning import sequences
from attn_agents.runs import kept_replays
from attn_agents.transport.reverb import queue, servers, table

if TYPE_CHECKING:
  from attn_agents import experiment

Sink = queue.QueueWriter | table.ReplayWriter
Reader = queue.QueueReader | table.ReplayReader


def make_server(
  parts: 'experiment.Experiment',
  port: int,
  directory: pathlib.Path,
  learner_steps: int | None,
) -> reverb.Server:
  """Starts the server of the queue, or of the replay.

  Args:
    parts: of the run.
    port: fixed port, 0 for any free one.
    directory: where replays are kept.
    learner_steps: of the checkpoint that the learner starts from, None for a
      new run; the replay starts from what was kept with it, if anything was.

  Raises:
    PortInUseError: the port is taken.
  """
  replay = parts.replay
  if replay is None:
    return servers.queue_server(
      parts.trajectory_spec(),
      capacity=parts.config.queue.capacity_batches * parts.items_per_batch,
      port=port,
    )
  return servers.replay_server(
    item_spec(parts, replay),
    report_spec(parts),
    servers.Limits(
      replay.capacity,
      replay.samples_per_insert,
      replay.min_size,
      replay.tolerance,
    ),
    port,
    _checkpointer(directory, learner_steps),
  )


def _checkpointer(
  directory: pathlib.Path, learner_steps: int | None
) -> reverb.checkpointers.DefaultCheckpointer:
  """Writes beside the replays that are whole, and starts from one of them."""
  found = kept_replays.find(directory, table.RUNTIME, learner_steps)
  return reverb.checkpointers.DefaultCheckpointer(
    str(kept_replays.unfinished(directory)),
    fallback_checkpoint_path=str(found) if found else None,
  )


def make_sink(
  parts: 'experiment.Experiment',
  address: str,
  should_stop: Callable[[], bool],
) -> Sink:
  """One actor's end, for one life of it; waits until the server is up."""
  replay = parts.replay
  if replay is None:
    return queue.QueueWriter(address, should_stop)
  return table.ReplayWriter(
    address,
    parts.environment_spec.frames_in_stack,
    replay.rows_per_item,
    parts.config.learning.unroll_length,
    should_stop,
  )


def make_reader(
  parts: 'experiment.Experiment', address: str, directory: pathlib.Path
) -> Reader:
  """The learner's end; waits until the server is up."""
  replay = parts.replay
  if replay is None:
    return queue.QueueReader(
      address, parts.trajectory_spec(), parts.items_per_read
    )
  return table.ReplayReader(
    address,
    report_spec(parts),
    replay.batch_size,
    directory,
    replay.checkpoint_seconds,
  )


def item_spec(
  parts: 'experiment.Experiment', replay: replay_lib.Replay
) -> table.Packed:
  """Shapes and dtypes of one sequence, [R, ...]."""
  env, rows = parts.environment_spec, replay.rows_per_item
  row = sequences.row_spec(env.observation_shape, env.frames_in_stack)
  return table.pack(
    sequences.Row(*(np.zeros((rows, *x.shape), x.dtype) for x in row))
  )


def report_spec(parts: 'experiment.Experiment') -> types.ReplayReport:
  """Shapes and dtypes of what actors tell beside a replay."""
  return types.ReplayReport(parts.trajectory_spec().report, np.int32(0))
