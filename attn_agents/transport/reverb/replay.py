"""Writing steps into the replay and reading sequences out of it."""

import math
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import reverb
import tree

from attn_agents import types
from attn_agents.runs import kept_replays
from attn_agents.transport import packed_frames, sequences
from attn_agents.transport.reverb import sampling, servers
from attn_agents.utils import disk

# Whose replays on disk are Reverb's.
RUNTIME = 'launchpad'

# How often a blocked writer checks whether to stop.
_FLUSH_TIMEOUT_MS = 500
_INFO_SECONDS = 5
# Of action, reward, discount, step type, and whether the frame fills a stack.
_DTYPES = (np.int32, np.float32, np.float32, np.int8, np.bool_)


class Packed(NamedTuple):
  """`sequences.Row` in two columns, each of which costs Reverb as a large one.

  Attributes:
    frame: as there, or object [...], the bytes of `packed_frames`.
    numbers: float32 [..., 5], the others in their order, all of which it holds
      exactly.
  """

  frame: types.Array
  numbers: types.Array


def pack(rows: sequences.Row) -> Packed:
  """Packs rows with any leading axes."""
  numbers = np.stack(rows[1:], axis=-1, dtype=np.float32, casting='unsafe')
  return Packed(rows.frame, numbers)


def unpack(packed: Packed) -> sequences.Row:
  """Inverse of `pack`."""
  numbers = np.moveaxis(packed.numbers, -1, 0)
  return sequences.Row(
    packed.frame,
    *(x.astype(t) for x, t in zip(numbers, _DTYPES, strict=True)),
  )


class ReplaySink:
  """The actor's end: each row is sent once, sequences refer to them.

  All environments go through one stream, each in columns of its own, so that an
  unroll costs one round trip.
  """

  def __init__(
    self,
    address: str,
    frame_stack: int,
    rows_per_item: int,
    unroll_length: int,
    should_stop: Callable[[], bool],
  ):
    """Connects, waiting for the server if it is not up yet.

    Args:
      address: 'host:port' of the replay server.
      frame_stack: frames in the observations that come in.
      rows_per_item: R, rows of a sequence.
      unroll_length: T; so many rows of an environment are packed together.
      should_stop: asked while the limiter makes actors wait; True gives up.
    """
    servers.wait_until_up(address)
    self._client = reverb.Client(address)
    info = self._client.server_info()
    self._signature = info[servers.REPLAY_TABLE].signature
    self._packer: packed_frames.FramePacker | None = None
    if _holds_bytes(self._signature[0]):
      self._packer = packed_frames.FramePacker()
    self._frame_stack = frame_stack
    self._rows_per_item = rows_per_item
    self._unroll_length = unroll_length
    self._should_stop = should_stop
    self._writer: reverb.TrajectoryWriter | None = None
    self._reports = self._client.trajectory_writer(
      num_keep_alive_refs=1, get_signature_timeout_ms=None
    )
    self._ends = sequences.Ends(frame_stack, rows_per_item)

  def insert(self, trajectory: types.Trajectory) -> float:
    """Adds an unroll; returns the seconds spent waiting for the limiter.

    Its rows have been copied, and its sequences are in the replay, when this
    returns.

    Raises:
      ValueError: an array is not of the shape and dtype the replay is for.
    """
    is_start = self._writer is None
    rows = sequences.cut(trajectory.unroll, self._frame_stack, is_start)
    packed = pack(rows)
    if self._packer is not None:
      packed = packed._replace(frame=self._packer.pack(packed.frame))
    self._check(packed)
    if self._writer is None:
      self._writer = self._make_writer(rows.action.shape[1])
    for t, ends in enumerate(self._ends.find(rows)):
      self._append(self._writer, Packed(*(x[t] for x in packed)), ends)
    start = time.monotonic()
    self._flush(self._writer)
    waited = time.monotonic() - start
    report = sequences.report_of(trajectory)
    self._reports.append(tree.map_structure(np.asarray, report))
    self._reports.create_item(
      servers.REPORTS_TABLE,
      priority=1.0,
      trajectory=tree.map_structure(lambda x: x[-1], self._reports.history),
    )
    self._flush(self._reports)
    return waited

  def _check(self, rows: Packed) -> None:
    # Reverb would find out when somebody samples them.
    for want, have in zip(self._signature, rows, strict=True):
      shape, dtype = want.shape[1:], want.dtype
      if have.shape[2:] != shape or have.dtype != dtype.as_numpy_dtype:
        raise ValueError(
          f'{want.name} is {have.dtype}{list(have.shape[2:])}, but the replay '
          f'holds {dtype.name}{list(shape)}'
        )

  def _make_writer(self, num_envs: int) -> reverb.TrajectoryWriter:
    keep = max(self._rows_per_item, self._unroll_length)
    writer = self._client.trajectory_writer(
      num_keep_alive_refs=keep, get_signature_timeout_ms=None
    )
    for env in range(num_envs):
      for name in Packed._fields:
        writer.configure(
          (env, name),
          num_keep_alive_refs=keep,
          max_chunk_length=self._unroll_length,
        )
    return writer

  def _append(
    self, writer: reverb.TrajectoryWriter, row: Packed, ends: np.ndarray
  ) -> None:
    """One row of all environments, and the sequences that end with it."""
    envs = range(len(ends))
    # Bytes alone, without an array around them, would lose zeros at their end.
    writer.append([Packed(*(x[env, ...] for x in row)) for env in envs])
    for env in envs:
      if ends[env]:
        writer.create_item(
          servers.REPLAY_TABLE,
          priority=1.0,
          trajectory=Packed(
            *(x[-self._rows_per_item :] for x in writer.history[env])
          ),
        )

  def _flush(self, writer: reverb.TrajectoryWriter) -> None:
    while not self._should_stop():
      try:
        writer.flush(timeout_ms=_FLUSH_TIMEOUT_MS)
        break
      except reverb.errors.DeadlineExceededError:
        continue


def _holds_bytes(spec: Any) -> bool:
  """Whether that column of a signature is of packed frames."""
  return np.dtype(spec.dtype.as_numpy_dtype) == np.dtype(object)


class ReplaySource:
  """The learner's end."""

  def __init__(
    self,
    address: str,
    report: types.ReplayReport,
    batch_size: int,
    directory: pathlib.Path,
    checkpoint_seconds: float,
    frame_shape: Sequence[int],
  ):
    """Connects, waiting for the server if it is not up yet.

    Args:
      address: 'host:port' of the replay server.
      report: any `types.ReplayReport`, for its structure.
      batch_size: sequences per batch.
      directory: where replays are kept, see `kept_replays`.
      checkpoint_seconds: least time between two of them, but at the end.
      frame_shape: of the frames of rows, [H, W, C].
    """
    servers.wait_until_up(address)
    self._client = reverb.Client(address)
    self._sampler = sampling.Sampler(address)
    signature = self._client.server_info()[servers.REPLAY_TABLE].signature
    self._unpacker: packed_frames.FrameUnpacker | None = None
    if _holds_bytes(signature[0]):
      self._unpacker = packed_frames.FrameUnpacker(frame_shape)
    self._report = report
    self._batch_size = batch_size
    self._directory = directory
    self._checkpoint_seconds = checkpoint_seconds
    self._kept_at = time.monotonic()

  def batches(self) -> Iterator[sequences.Sampled]:
    """Yields batches for ever, with what actors have reported since the last.

    Blocks in C++ while the limiter forbids to sample: iterate in a thread that
    may be abandoned.
    """
    while True:
      samples = list(
        self._sampler.sample(servers.REPLAY_TABLE, self._batch_size)
      )
      rows = Packed(*(np.stack(x, axis=1) for x in zip(*samples, strict=True)))
      if self._unpacker is not None:
        rows = rows._replace(frame=self._unpacker.unpack(rows.frame))
      yield sequences.Sampled(unpack(rows), self._take_reports())

  def stats(self) -> dict[str, float]:
    """See `interface.TrajectorySource`; NaN if the server answers too late."""
    try:
      info = self._client.server_info(timeout=1)[servers.REPLAY_TABLE]
    except reverb.errors.DeadlineExceededError:
      # Only a measurement: whether the server lives is not decided here.
      return {'replay_size': math.nan, 'samples_per_insert': math.nan}
    limiter = info.rate_limiter_info
    inserts = limiter.insert_stats.completed
    return {
      'replay_size': info.current_size,
      'samples_per_insert': limiter.sample_stats.completed / max(inserts, 1),
    }

  def save(self, learner_steps: int, at_end: bool) -> None:
    """Has the server keep what it holds, as that of a checkpoint's step.

    Raises:
      StorageError: it cannot be written; nothing of it is left.
    """
    now = time.monotonic()
    if not at_end and now - self._kept_at < self._checkpoint_seconds:
      return
    with disk.explaining(self._directory):
      try:
        written = pathlib.Path(self._client.checkpoint())
        kept_replays.adopt(written, self._directory, RUNTIME, learner_steps)
      except Exception:
        kept_replays.discard_unfinished(self._directory)
        raise
    self._kept_at = time.monotonic()

  def _take_reports(self) -> list[types.ReplayReport]:
    try:
      info = self._client.server_info(timeout=_INFO_SECONDS)
    except reverb.errors.DeadlineExceededError:
      return []  # The server is busy, writing perhaps; they come later.
    waiting = info[servers.REPORTS_TABLE].current_size
    if not waiting:
      return []
    return [
      tree.unflatten_as(self._report, columns)
      for columns in self._sampler.sample(servers.REPORTS_TABLE, waiting)
    ]
