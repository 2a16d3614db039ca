"""The replay of a run in one process: rows in a ring, sampled as sequences."""

import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from attn_agents import types
from attn_agents.runs import kept_replays
from attn_agents.transport import sequences
from attn_agents.transport.threads import limiter as limiter_lib
from attn_agents.transport.threads import replay_files
from attn_agents.utils import disk

# Whose replays on disk are of this form.
RUNTIME = 'threads'
# How often a blocked writer checks whether to stop.
_LOOK_SECONDS = 0.1
# What is kept beside the rows.
_NUMBERS = ('next_row', 'first_end', 'next_end', 'inserts', 'samples')
# Sequences whose wholeness is looked at together.
_LOOK_AHEAD = 64


class Keeping(NamedTuple):
  """Copies on disk.

  Attributes:
    directory: see `kept_replays`.
    seconds: least time between two, but at the end.
  """

  directory: pathlib.Path
  seconds: float


class ReplayBuffer:
  """Rows of all environments, each once; sequences are drawn uniformly.

  A ring of `capacity` rows. Each knows the row before it in its environment, so
  that a sequence is found from its end. `sequences.Ends` says which rows end
  one, which may be drawn for as long as the ring holds all its rows. Any thread
  may call anything.
  """

  def __init__(
    self,
    row: sequences.Row,
    capacity: int,
    frame_stack: int,
    rows_per_item: int,
    batch_size: int,
    limiter: limiter_lib.RatioLimiter,
    seed: int,
    should_stop: Callable[[], bool],
    keeping: Keeping,
  ):
    """Takes its memory, which the system gives as it is written to.

    Args:
      row: shapes and dtypes, see `sequences.row_spec`.
      capacity: rows.
      frame_stack: frames in the observations that come in.
      rows_per_item: R, rows of a sequence.
      batch_size: sequences per batch.
      limiter: says who waits.
      seed: of what is drawn.
      should_stop: asked while writers wait; True gives up waiting.
      keeping: where copies go, and how often.
    """
    self._rows = sequences.Row(
      *(np.zeros((capacity, *x.shape), x.dtype) for x in row)
    )
    self._capacity = capacity
    self._frame_stack = frame_stack
    self._rows_per_item = rows_per_item
    self._batch_size = batch_size
    self._limiter = limiter
    self._rng = np.random.default_rng(seed)
    self._should_stop = should_stop
    self._keeping = keeping
    self._kept_at = time.monotonic()
    # Rows are numbered as they come; number n lies at n % capacity.
    self._next_row = 0
    self._before = np.zeros(capacity, np.int64)
    # The rows that end a sequence, a ring as well.
    self._ends = np.zeros(capacity, np.int64)
    self._first_end, self._next_end = 0, 0
    self._reports: list[types.ReplayReport] = []
    self._changed = threading.Condition()

  def make_sink(self) -> 'ReplaySink':
    """Where one actor's unrolls go, for one life of it."""
    return ReplaySink(self, self._frame_stack, self._rows_per_item)

  def batches(self) -> Iterator[sequences.Sampled]:
    """Yields batches for ever.

    Waits for the limiter: iterate in a thread that may be abandoned.
    """
    while True:
      with self._changed:
        self._changed.wait_for(
          lambda: self._limiter.may_sample(self._batch_size)
        )
        rows = self._draw()
        self._limiter.samples += self._batch_size
        reports, self._reports = self._reports, []
        self._changed.notify_all()
      yield sequences.Sampled(rows, reports)

  def stats(self) -> dict[str, float]:
    """See `interface.TrajectorySource`."""
    with self._changed:
      inserts = self._limiter.inserts
      return {
        'replay_size': self._next_end - self._first_end,
        'samples_per_insert': self._limiter.samples / inserts
        if inserts
        else 0.0,
      }

  def save(self, learner_steps: int, at_end: bool) -> None:
    """Writes a copy to disk if one is due; actors and learner wait meanwhile.

    Steps that actors have reported since the learner's last batch are in it,
    but will be counted by nobody.

    Raises:
      StorageError: it cannot be written; nothing of it is left.
    """
    now = time.monotonic()
    if not at_end and now - self._kept_at < self._keeping.seconds:
      return
    directory = self._keeping.directory
    used = min(self._next_row, self._capacity)
    needed = sum(x[:used].nbytes for x in self._arrays().values())
    with disk.explaining(directory, needed):
      try:
        self._write(directory, learner_steps)
      except Exception:
        kept_replays.discard_unfinished(directory)
        raise
    self._kept_at = time.monotonic()

  def _write(self, directory: pathlib.Path, learner_steps: int) -> None:
    path = kept_replays.unfinished(directory)
    with self._changed:
      used = min(self._next_row, self._capacity)
      arrays = {name: x[:used] for name, x in self._arrays().items()}
      numbers = {
        'next_row': self._next_row,
        'first_end': self._first_end,
        'next_end': self._next_end,
        'inserts': self._limiter.inserts,
        'samples': self._limiter.samples,
      }
      replay_files.write(path, arrays, numbers)
    kept_replays.adopt(path, directory, RUNTIME, learner_steps)

  def restore(self, path: pathlib.Path) -> None:
    """Takes what `save` has written, before anything else happens.

    Raises:
      ConfigError: it is damaged, or of rows of another shape.
    """
    numbers = replay_files.read(path, self._arrays(), _NUMBERS)
    self._next_row = numbers['next_row']
    self._first_end = numbers['first_end']
    self._next_end = numbers['next_end']
    self._limiter.inserts = numbers['inserts']
    self._limiter.samples = numbers['samples']

  def _arrays(self) -> dict[str, np.ndarray]:
    # There are never more ends than rows.
    return {
      **self._rows._asdict(),
      'before': self._before,
      'ends': self._ends,
    }

  def insert(
    self,
    rows: sequences.Row,
    before: np.ndarray,
    ends: np.ndarray,
    report: types.ReplayReport,
  ) -> np.ndarray:
    """Adds rows [L, N] of N environments; for `ReplaySink`.

    Waits for the limiter, or drops them when told to stop.

    Args:
      rows: that follow on each other.
      before: int64 [N], numbers of the rows before them; not looked at where
        there are none.
      ends: bool [L, N], which rows end a sequence, see `sequences.Ends`.
      report: of their making.

    Returns:
      Numbers of the last ones, int64 [N].
    """
    length, num_envs = rows.step_type.shape
    count = int(np.count_nonzero(ends))
    with self._changed:
      while not self._limiter.may_insert(count):
        if self._should_stop():
          return before
        self._changed.wait(_LOOK_SECONDS)
      numbers = self._next_row + np.arange(length * num_envs)
      numbers = numbers.reshape(length, num_envs)
      slots = numbers % self._capacity
      for kept, new in zip(self._rows, rows, strict=True):
        kept[slots] = new
      self._before[slots] = np.concatenate([before[None], numbers[:-1]])
      self._next_row += length * num_envs
      self._add_ends(numbers[ends])
      self._limiter.inserts += count
      self._reports.append(report)
      self._changed.notify_all()
    return numbers[-1]

  def _add_ends(self, numbers: np.ndarray) -> None:
    places = (self._next_end + np.arange(len(numbers))) % self._capacity
    self._ends[places] = numbers
    self._next_end += len(numbers)
    self._first_end = max(self._first_end, self._next_end - self._capacity)
    # Of sequences that have lost a row, those at the front; others, of an actor
    # that is slower than the rest, are refused when they are drawn.
    while self._first_end < self._next_end:
      last = min(self._first_end + _LOOK_AHEAD, self._next_end)
      places = np.arange(self._first_end, last) % self._capacity
      whole = self._is_whole(self._trace(self._ends[places]))
      self._first_end += int(np.argmax(whole)) if whole.any() else len(whole)
      if whole.any():
        break

  def _draw(self) -> sequences.Row:
    """Rows [R, B] of sequences that are whole, each equally likely."""
    numbers = np.zeros((self._rows_per_item, 0), np.int64)
    while numbers.shape[1] < self._batch_size:
      missing = self._batch_size - numbers.shape[1]
      drawn = self._rng.integers(self._first_end, self._next_end, missing)
      traced = self._trace(self._ends[drawn % self._capacity])
      numbers = np.concatenate(
        [numbers, traced[:, self._is_whole(traced)]], axis=1
      )
    return sequences.Row(*(x[numbers % self._capacity] for x in self._rows))

  def _trace(self, ends: np.ndarray) -> np.ndarray:
    """Numbers [R, K] of the rows of the sequences with these ends [K]."""
    numbers = [ends]
    for _ in range(self._rows_per_item - 1):
      numbers.append(self._before[numbers[-1] % self._capacity])
    return np.stack(numbers[::-1])

  def _is_whole(self, numbers: np.ndarray) -> np.ndarray:
    """Whether none, bool [K], of the rows [R, K] is written over."""
    return np.all(numbers >= self._next_row - self._capacity, axis=0)


class ReplaySink:
  """One actor's way into the replay."""

  def __init__(
    self, buffer: ReplayBuffer, frame_stack: int, rows_per_item: int
  ):
    """Starts with an actor that has not played yet."""
    self._buffer = buffer
    self._frame_stack = frame_stack
    self._ends = sequences.Ends(frame_stack, rows_per_item)
    self._last: np.ndarray | None = None

  def insert(self, trajectory: types.Trajectory) -> float:
    """Adds an unroll; returns the seconds spent waiting for the limiter."""
    start = time.monotonic()
    rows = sequences.cut(
      trajectory.unroll, self._frame_stack, is_start=self._last is None
    )
    if self._last is None:
      self._last = np.zeros(rows.action.shape[1], np.int64)
    ends = self._ends.find(rows)
    self._last = self._buffer.insert(
      rows, self._last, ends, sequences.report_of(trajectory)
    )
    return time.monotonic() - start
