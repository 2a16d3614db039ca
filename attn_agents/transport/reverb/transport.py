"""What connects the processes of a run: two Reverb servers and their clients.

process of the servers  `make_server`, `servers.variable_server`
learner, actors         a `ReverbTransport` each
"""

import math
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import reverb

from attn_agents import types
from attn_agents.algorithms import replay as algorithm_replay
from attn_agents.runs import kept_replays
from attn_agents.transport import interface, sequences
from attn_agents.transport.reverb import queue, replay, servers, variables

if TYPE_CHECKING:
  from attn_agents import experiment

# Bytes of an observation from which packing pays. Smaller ones are not what
# takes the time.
_FROM_HOST_TO_HOST = 4_096
_ON_ONE_HOST = 16_384


class ReverbTransport:
  """One process's clients of the servers of a run; see `Transport`.

  Whatever it makes waits until its server is up.
  """

  def __init__(
    self,
    parts: 'experiment.Experiment',
    queue_address: str,
    variables_address: str,
    directory: pathlib.Path,
    should_stop: Callable[[], bool] = lambda: False,
  ):
    """Connects to nothing yet.

    Args:
      parts: of the run.
      queue_address: 'host:port' of the server of `make_server`.
      variables_address: 'host:port' of the variable server.
      directory: where replays are kept.
      should_stop: asked while actors wait; True gives up waiting.
    """
    self._parts = parts
    self._queue_address = queue_address
    self._variables_address = variables_address
    self._directory = directory
    self._should_stop = should_stop

  def make_sink(self) -> interface.TrajectorySink:
    """See `Transport`."""
    parts, spec = self._parts, self._parts.replay
    if spec is None:
      return queue.QueueSink(self._queue_address, self._should_stop)
    return replay.ReplaySink(
      self._queue_address,
      parts.environment_spec.frames_in_stack,
      spec.rows_per_item,
      parts.config.learning.unroll_length,
      self._should_stop,
    )

  def make_source(self) -> interface.TrajectorySource:
    """See `Transport`."""
    parts, spec = self._parts, self._parts.replay
    if spec is None:
      return queue.QueueSource(
        self._queue_address,
        parts.trajectory_spec(),
        parts.items_per_read,
        restore_frames=parts.config.queue.unpack_on == 'host',
      )
    env = parts.environment_spec
    return replay.ReplaySource(
      self._queue_address,
      report_spec(parts),
      spec.batch_size,
      self._directory,
      spec.checkpoint_seconds,
      sequences.row_spec(
        env.observation_shape, env.frames_in_stack
      ).frame.shape,
    )

  def make_publisher(self) -> interface.VariablePublisher:
    """See `Transport`."""
    return variables.VariablePublisher(self._variables_address)

  def make_variable_source(self) -> interface.VariableSource:
    """See `Transport`; actors that wait for each version get it at once."""
    return variables.VariablePoller(
      self._variables_address,
      eager=self._parts.config.learning.max_policy_lag is not None,
    )


def make_server(
  parts: 'experiment.Experiment',
  port: int,
  directory: pathlib.Path,
  learner_steps: int | None,
  crosses_hosts: bool = False,
) -> reverb.Server:
  """Starts the server of the queue, or of the replay.

  Args:
    parts: of the run.
    port: fixed port, 0 for any free one.
    directory: where replays are kept.
    learner_steps: of the checkpoint that the learner starts from, None for a
      new run; the replay starts from what was kept with it, if anything was.
    crosses_hosts: whether actors are on other hosts, too.

  Raises:
    PortInUseError: the port is taken.
  """
  spec = parts.replay
  if spec is None:
    return servers.queue_server(
      parts.trajectory_spec(),
      capacity=parts.config.queue.capacity_batches * parts.items_per_batch,
      port=port,
      packed=packs(parts, crosses_hosts),
    )
  return servers.replay_server(
    item_spec(parts, spec),
    report_spec(parts),
    servers.Limits(
      spec.capacity, spec.samples_per_insert, spec.min_size, spec.tolerance
    ),
    port,
    _checkpointer(directory, learner_steps),
  )


def packs(parts: 'experiment.Experiment', crosses_hosts: bool) -> bool:
  """Whether a run packs what it sends; see `packing` and `packed_frames`.

  Args:
    parts: of the run.
    crosses_hosts: see `make_server`.
  """
  chosen = parts.config.queue.packing
  if chosen != 'auto':
    return chosen == 'on'
  if parts.replay is not None:
    return False
  frame_bytes = math.prod(parts.environment_spec.observation_shape)
  return frame_bytes >= (_FROM_HOST_TO_HOST if crosses_hosts else _ON_ONE_HOST)


def _checkpointer(
  directory: pathlib.Path, learner_steps: int | None
) -> reverb.checkpointers.DefaultCheckpointer:
  """Writes beside the replays that are whole, and starts from one of them."""
  found = kept_replays.find(directory, replay.RUNTIME, learner_steps)
  return reverb.checkpointers.DefaultCheckpointer(
    str(kept_replays.unfinished(directory)),
    fallback_checkpoint_path=str(found) if found else None,
  )


def item_spec(
  parts: 'experiment.Experiment', spec: algorithm_replay.Replay
) -> replay.Packed:
  """Shapes and dtypes of one sequence, [R, ...]."""
  env, rows = parts.environment_spec, spec.rows_per_item
  row = sequences.row_spec(env.observation_shape, env.frames_in_stack)
  item = replay.pack(
    sequences.Row(*(np.zeros((rows, *x.shape), x.dtype) for x in row))
  )
  if packs(parts, crosses_hosts=False):
    item = item._replace(frame=np.empty(rows, object))
  return item


def report_spec(parts: 'experiment.Experiment') -> types.ReplayReport:
  """Shapes and dtypes of what actors report beside a replay."""
  return types.ReplayReport(parts.trajectory_spec().report, np.int32(0))
