"""The learner's loop: updates, rows of metrics, checkpoints."""

import contextlib
import math
import re
import threading
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from attn_agents import types
from attn_agents.learning import (
  batching,
  blindness,
  company,
  game_scores,
  learner,
  metrics,
  profiling,
)
from attn_agents.runs import snapshots
from attn_agents.transport import interface
from attn_agents.utils import disk, patience
from configs import schema

_POLL_SECONDS = 0.2
# After an update longer than this the state is copied to the host, so that a
# stop during the next update can save it.
_LONG_UPDATE_SECONDS = 2.0
# A checkpoint that found no room is tried again so long after at most, at the
# end of a run sooner.
_RETRY_SECONDS = 30.0
_LAST_RETRY_SECONDS = 2.0
# What changes all the time in the words of a trouble that stays the same: the
# room, in brackets, and how many records are lost.
_CHANGING = re.compile(r'\(.*?\)|[\d,]')
# Single updates with infinite gradients are skipped and do no harm; this many
# rows of them mean divergence.
_MAX_NONFINITE_ROWS = 3


class StalledError(RuntimeError):
  """No trajectories arrived for too long."""


class DivergedError(RuntimeError):
  """Updates were infinite or NaN for several rows of metrics."""


class Feeder(Protocol):
  """Brings batches."""

  def get(
    self, timeout: float
  ) -> tuple[types.Batch, batching.BatchInfo] | None:
    """The next batch, None if there is none in time."""


EmptyBatch = Callable[[], tuple[types.Batch, batching.BatchInfo]]


class Training:
  """Runs a learner until it is told to stop or has seen enough frames.

  Attributes:
    latest: the newest state on the host, which can be saved while an update is
      computing.
    saved: the counters of the last checkpoint, None before the first.
  """

  def __init__(
    self,
    learner_: learner.Learner,
    feeder: Feeder,
    writer: company.Writer,
    checkpointer: company.Saver,
    runtime: schema.RuntimeConfig,
    start: snapshots.Snapshot,
    *,
    max_frames: int,
    source: interface.TrajectorySource,
    watch: blindness.Watch,
    report: Callable[[str], None],
    scores: game_scores.GameScores | None = None,
    profiler: profiling.Profiler | None = None,
    company_: company.Company | None = None,
    empty: EmptyBatch | None = None,
    compile_first: bool = False,
  ):
    """Joins the parts.

    Args:
      learner_: makes the updates.
      feeder: brings batches.
      writer: takes rows of metrics.
      checkpointer: takes checkpoints.
      runtime: how often.
      start: the state that the learner starts from.
      max_frames: see `schema.Config`.
      source: what the feeder reads.
      watch: looks at rows of metrics.
      report: gets the progress in words.
      scores: of each game, of a run of several.
      profiler: of some updates.
      company_: the other learner hosts, if there are any.
      empty: makes a batch of no transitions; with other hosts, or to compile.
      compile_first: the update is compiled while actors get ready.
    """
    self._company = company_ or company.Alone()
    self._empty = empty
    self._compile_first = compile_first
    self._profiler = profiler or profiling.Profiler('', None)
    self._learner = learner_
    self._feeder = feeder
    self._writer = writer
    self._checkpointer = checkpointer
    self._runtime = runtime
    self._max_frames = max_frames
    self._source = source
    self._watch = watch
    self._report = report
    self._window = metrics.Window(
      start.recent_returns, start.recent_lengths, scores
    )
    self._nonfinite_rows = 0
    self._evaluations = self._due_evaluations(start.counters.frames)
    self._saving = threading.Lock()
    # What cannot be written at this moment, by what it is, and what is told.
    self._troubles: dict[str, str] = {}
    self._blind = ''
    self._told: tuple[str, ...] = (self._blind,)
    self.latest = start
    self.saved: snapshots.Counters | None = None

  @property
  def warning(self) -> str:
    """What the user should know of the run as it is now; '' if nothing."""
    return '; '.join(filter(None, (self._watch.warning, *self._lasting())))

  def run(self, should_stop: Callable[[], bool]) -> bool:
    """Learns; True if `max_frames` or `max_hours` is reached, False if stopped.

    It saves a checkpoint at the end, after a fault too. Where a directory
    cannot be written, because the disk is full for example, it learns on and
    tries again; the last checkpoint waits for `runtime.stall_seconds`, or until
    `should_stop()`.

    Raises:
      StalledError: no data for `runtime.stall_seconds`.
      StorageError: the last checkpoint could not be written.
      DivergedError: updates were not finite for several rows of metrics.
    """
    try:
      self._loop_and_save(should_stop)
    except Exception:
      _without_hiding_the_cause(self._writer.close)
      self._note_metrics()
      raise
    self._writer.close()
    self._note_metrics()
    return self._finished()

  def _loop_and_save(self, should_stop: Callable[[], bool]) -> None:
    try:
      self._loop_or_leave(should_stop)
    except Exception:
      # After a failed update the donated state may be gone.
      with contextlib.suppress(Exception):
        self._take_snapshot()
      _without_hiding_the_cause(self.save_latest)
      raise
    self._catch_up()
    self._report('saving')
    self._save_at_end(should_stop)

  def _loop_or_leave(self, should_stop: Callable[[], bool]) -> None:
    try:
      self._loop(should_stop)
    except StalledError as error:
      # Other hosts wait for this one's updates, and have learned.
      if not self._company.leave_for(str(error)):
        raise
    finally:
      self._profiler.close()

  def save(self, at_end: bool = False) -> None:
    """Saves the present state, then the content of the source.

    Raises:
      NotWrittenError: see `Checkpointer.save`; nothing is saved beside it.
      StorageError: likewise. What cannot be saved beside it is told, and is no
        error: a run goes on without it.
    """
    self._take_snapshot()
    self._company.compare(self.latest)
    self.save_latest()
    self._troubles.pop('replay', None)
    if not self._company.leads:
      # Its replay would belong to a checkpoint that is on another host.
      return
    try:
      self._source.save(self.latest.counters.learner_steps, at_end)
    except disk.StorageError as error:
      self._troubles['replay'] = f'the replay was not saved: {error}'

  def save_latest(self) -> None:
    """Saves the newest state on the host; any thread may call this."""
    with self._saving:
      self._checkpointer.save(self.latest)
      self.saved = self.latest.counters

  def _save_at_end(self, should_stop: Callable[[], bool]) -> None:
    """Saves, as soon as that is possible.

    Raises:
      StorageError: it was not, until now.
    """
    waiting = patience.Patience(self._runtime.stall_seconds)
    told = False
    while True:
      try:
        self.save(at_end=True)
        return
      except disk.StorageError as error:
        if not told:
          self._report(f'cannot save yet: {error}')
          told = True
        again = time.monotonic() + _LAST_RETRY_SECONDS
        while time.monotonic() < again:
          if should_stop() or waiting.is_over():
            raise
          time.sleep(_POLL_SECONDS)

  def _save_if_possible(self) -> bool:
    """Saves during training; False if it has to be tried again."""
    self._troubles.pop('checkpoint', None)
    try:
      self.save()
    except disk.StorageError as error:
      self._troubles['checkpoint'] = f'no checkpoint is saved: {error}'
    self._tell()
    return 'checkpoint' not in self._troubles

  def _note_metrics(self) -> None:
    self._troubles.pop('metrics', None)
    if self._writer.trouble:
      self._troubles['metrics'] = self._writer.trouble

  def _lasting(self) -> list[str]:
    """Troubles that a run ends with, which is saved nevertheless."""
    return [
      self._troubles[name]
      for name in ('replay', 'metrics')
      if name in self._troubles
    ]

  def _tell(self) -> None:
    """Reports that it is training, and what there is to be said of that."""
    kinds = (_CHANGING.sub('', text) for text in self._troubles.values())
    told = (self._blind, *sorted(kinds))
    if told != self._told:
      self._told = told
      for trouble in self._troubles.values():
        print(trouble, flush=True)
      parts = ('training', self._blind, *self._troubles.values())
      self._report('; '.join(filter(None, parts)))

  def _loop(self, should_stop: Callable[[], bool]) -> None:
    compiles = self._compile_first and self._learner.compiles_fast
    if compiles and not self._finished():
      assert self._empty is not None
      self._report('compiling')
      self._learner.compile(self.latest.state, self._empty()[0])
    self._report('waiting for the first trajectories')
    row_start = time.monotonic()
    every = self._runtime.checkpoint_every_seconds
    next_checkpoint, earliest = row_start + every, row_start
    row_frames = start_frames = self._learner.counters.frames
    first, took, batch = True, 0.0, None
    while not self._finished() and not should_stop():
      waited = time.monotonic()
      arrived = self._next_batch(should_stop)
      if arrived is None:
        break
      batch = arrived
      now = time.monotonic()
      if not self._company.begin_update():
        break
      if first and not compiles:
        self._report('compiling')
      update = self._learner.counters.learner_steps
      self._profiler.before(update)
      update_metrics, lags = self._learner.step(*batch)
      self._profiler.after(update, update_metrics)
      self._company.end_update()
      if max(time.monotonic() - now, took) > _LONG_UPDATE_SECONDS:
        self._take_snapshot()
      # Includes the snapshot, which waits for its update.
      took = time.monotonic() - now
      self._window.add(update_metrics, batch[1], lags, now - waited, took)
      if first:
        self._report('training')
        first = False
      now = time.monotonic()
      if now - row_start >= self._runtime.log_every_seconds:
        self._write_row(batch[0], row_frames, now - row_start)
        row_start, row_frames = now, self._learner.counters.frames
      due = self._due_evaluations(self._learner.counters.frames)
      wanted = now >= next_checkpoint or due > self._evaluations
      if wanted and now >= earliest:
        self._company.ask_to_save()
      if self._company.saves_after(self._learner.counters.learner_steps):
        if self._save_if_possible():
          self._evaluations = due
          next_checkpoint = time.monotonic() + every
        else:
          earliest = time.monotonic() + min(every, _RETRY_SECONDS)
    if batch is not None and self._learner.counters.frames > row_frames:
      # Who stops a run early does not wait for the measurement to compile.
      compiled = row_frames > start_frames
      measured = batch[0] if compiled or self._finished() else None
      self._write_row(measured, row_frames, time.monotonic() - row_start)

  def _catch_up(self) -> None:
    """Makes the updates that other hosts have begun, which wait for ours."""
    for _ in range(self._company.behind()):
      batch = self._feeder.get(timeout=_POLL_SECONDS)
      if batch is None:
        assert self._empty is not None
        batch = self._empty()
      self._learner.step(*batch)

  def _due_evaluations(self, frames: int) -> int:
    """Checkpoints for evaluation that are due by that number of frames."""
    every = self._runtime.evaluate_every_frames
    return frames // every if every else 0

  def _finished(self) -> bool:
    frames = self._learner.counters.frames
    return self._learner.time_is_over or 0 < self._max_frames <= frames

  def _next_batch(
    self, should_stop: Callable[[], bool]
  ) -> tuple[types.Batch, batching.BatchInfo] | None:
    waiting = patience.Patience(self._runtime.stall_seconds)
    filled, told = 0.0, 0.0
    while not should_stop():
      batch = self._feeder.get(timeout=_POLL_SECONDS)
      if batch is not None:
        return batch
      size = self._source.stats().get('replay_size', 0.0)
      if size > filled:
        # The first batch waits until the replay is filled; that is no stall.
        now = time.monotonic()
        filled = size
        waiting = patience.Patience(self._runtime.stall_seconds)
        if now - told >= self._runtime.log_every_seconds:
          self._report(f'{size:,.0f} transitions in the replay')
          told = now
      # If publishing fails, actors wait for parameters for ever.
      self._learner.check()
      if waiting.is_over():
        raise StalledError(
          'no batch was complete for '
          f'{self._runtime.stall_seconds:g} s (runtime.stall_seconds)'
        )
    return None

  def _take_snapshot(self) -> None:
    self.latest = self._learner.snapshot(
      tuple(self._window.recent_returns),
      tuple(self._window.recent_lengths),
      self._window.scores.recent,
    )

  def _write_row(
    self, batch: types.Batch | None, frames_before: int, seconds: float
  ) -> None:
    sight = {}
    if batch is not None and self._company.leads:
      sight = self._learner.measure(batch)
    row = self._window.close(
      self._learner.counters,
      frames_before,
      seconds,
      {**self._source.stats(), **sight},
    )
    self._writer.write(row)
    self._note_metrics()
    self._blind = self._watch.add(row) or self._blind
    self._tell()
    all_bad = not math.isnan(row['nonfinite']) and row['nonfinite'] == 1.0
    self._nonfinite_rows = self._nonfinite_rows + 1 if all_bad else 0
    if self._nonfinite_rows >= _MAX_NONFINITE_ROWS:
      raise DivergedError(
        'gradients, or what the optimizer made of them, were infinite or NaN '
        f'in every update of the last {self._nonfinite_rows} rows of '
        'metrics.csv; a lower optimizer.learning_rate may help'
      )


def _without_hiding_the_cause(end: Callable[[], None]) -> None:
  """Calls `end` after an error, beside which its own is only printed."""
  try:
    end()
  except Exception:
    traceback.print_exc()
