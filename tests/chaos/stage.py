"""A run directory on which rounds are played, one fault after another."""

import dataclasses
import pathlib
import random
import shutil
import signal
import time
from collections.abc import Callable

from attn_agents.utils import metrics_table
from tests.chaos import faults, judging, rounds, sandbox, started

_POLL_SECONDS = 0.1
# Of a busy machine: from a start to a row and a new checkpoint.
_START_SECONDS = 240.0
# Until a run that got a fault is taken to hang.
_HANG_SECONDS = 60.0
_ORPHAN_SECONDS = 20.0
# When a fault comes to a run that starts, at most.
_LATEST_IN_START = 12.0


class NotStartedError(RuntimeError):
  """A run did not come to train, without any fault."""


@dataclasses.dataclass
class _Before:
  """What a run had when the fault came.

  Attributes:
    rows: of metrics.csv.
    checkpoints: frames by learner step, without one that the fault damages.
    damaged: its learner step, -1 if there is none.
  """

  rows: list[metrics_table.Row]
  checkpoints: dict[int, int]
  damaged: int = -1

  def seen(self) -> int:
    """Frames of the newest row."""
    return int(self.rows[-1]['frames']) if self.rows else 0


def prepare(root: pathlib.Path) -> None:
  """Makes the directories; a small disk for the runs where that is possible."""
  root.mkdir(parents=True, exist_ok=True)
  if 'full_disk' not in sandbox.missing():
    sandbox.mount_disk(root / 'disk')


class Stage:
  """Brings a run to a moment, lets a fault happen, and looks at it."""

  def __init__(self, root: pathlib.Path, choice: rounds.Choice, number: int):
    """Starts nothing.

    Args:
      root: of the harness.
      choice: of the first round.
      number: of the first round.
    """
    self._root = root
    self._disk = root / 'disk'
    name = f'{number:04d}_{choice.runtime}_{choice.algorithm}'
    self._logdir = self._disk / name
    self._outputs = root / 'outputs'
    self._outputs.mkdir(parents=True, exist_ok=True)
    self._clock = root / 'clock'
    self._args = [
      *rounds.ALGORITHMS[choice.algorithm],
      f'--runtime={choice.runtime}',
      f'--set=runtime.stall_seconds={faults.STALL_SECONDS}',
    ]
    self._starts = 0
    self._faked = False
    self._run: started.Started | None = None

  def play(
    self, number: int, choice: rounds.Choice, rng: random.Random
  ) -> judging.Observed:
    """One round.

    Raises:
      NotStartedError: the run does not train before any fault.
    """
    self._bring_to(choice, rng)
    before = _Before(self._rows(), started.checkpoint_frames(self._logdir))
    scene = faults.Scene(
      self._logdir, self._disk, self._run, bool(before.checkpoints), self._clock
    )
    fault = faults.draw(choice.kind, rng, scene)
    if fault.remedy is not None:
      before.damaged = max(before.checkpoints)
    undo = fault.make()
    since = time.monotonic()
    if choice.moment == 'between':
      self._run = self._start()
    run = self._playing()
    if fault.rival:
      run = self._refused_of(run, self._start())
    try:
      outcome = self._outcome(run, fault, since, fault.hold)
    finally:
      undo()
    if outcome == judging.GOES_ON and fault.hold:
      since = time.monotonic()
      outcome = self._outcome(run, fault, since)
    lines = run.lines()
    (self._outputs / f'round_{number:04d}.txt').write_text('\n'.join(lines))
    seen = judging.Observed(
      number=number, runtime=choice.runtime, algorithm=choice.algorithm,
      kind=choice.kind, detail=fault.detail, moment=choice.moment,
      allowed=dict(fault.allowed), outcome=outcome,
      seconds=round(time.monotonic() - since, 2), lines=tuple(lines[-5:]),
    )  # fmt: skip
    before.checkpoints.pop(before.damaged, None)
    if outcome == judging.GOES_ON and choice.moment != 'between':
      return dataclasses.replace(seen, rows=self._wrong_rows(before, None))
    if outcome != judging.GOES_ON:
      seen = self._after_an_end(seen, before, fault, run)
    return self._judge_start(seen, before)

  def end(self) -> None:
    """Ends the run and removes its directory."""
    self._stop()
    shutil.rmtree(self._logdir, ignore_errors=True)

  def keep(self, number: int) -> None:
    """Copies the directory of a broken round, to look at it later."""
    self._stop()
    target = self._root / 'broken' / f'{number:04d}'
    shutil.copytree(self._logdir, target, dirs_exist_ok=True)

  def _after_an_end(
    self,
    seen: judging.Observed,
    before: _Before,
    fault: faults.Fault,
    run: started.Started,
  ) -> judging.Observed:
    """Looks at what an ended run left, and starts the next."""
    orphans: list[str] = []
    if seen.outcome != judging.HANGS:
      orphans = run.orphans(_ORPHAN_SECONDS)
    run.end_all()
    if not fault.rival:
      self._run = None
      before.checkpoints |= started.checkpoint_frames(self._logdir)
      before.checkpoints.pop(before.damaged, None)
      if fault.remedy is not None:
        fault.remedy()
    learned = max(_Before(self._rows(), {}).seen(), before.seen())
    if self._run is None:
      self._run = self._start()
    return dataclasses.replace(
      seen,
      orphans=tuple(orphans),
      reported=started.frames_said(run.lines()),
      seen=learned,
    )

  def _judge_start(
    self, seen: judging.Observed, before: _Before
  ) -> judging.Observed:
    """Looks at a start after the fault, from where it goes on."""
    run = self._playing()
    reported = max([seen.reported, *before.checkpoints.values()])
    if not self._wait_until_training(run):
      lines = run.lines() or ['']
      run.end_all()
      self._run = None
      return dataclasses.replace(
        seen, reported=reported, next=f'{run.code()}: {lines[-1]}'
      )
    start = run.start_frames() or 0
    return dataclasses.replace(
      seen,
      reported=reported,
      start=start,
      seen=max(seen.seen, before.seen()),
      rows=self._wrong_rows(before, start),
    )

  def _wrong_rows(self, before: _Before, start: int | None) -> str:
    rows = self._rows()
    times = [row['wall_time'] for row in rows]
    if times != sorted(times):
      return 'wall_time goes back'
    return started.wrong_rows(before.rows, rows, start)

  def _bring_to(self, choice: rounds.Choice, rng: random.Random) -> None:
    """A run at the moment of the choice; none between runs."""
    faked = choice.kind == 'clock'
    if faked != self._faked:
      self._stop()
    self._faked = faked
    if choice.moment == 'starting':
      self._stop()
      self._run = self._start()
      time.sleep(rng.uniform(0.1, _LATEST_IN_START))
      return
    if self._run is None or self._run.code() is not None:
      self._run = self._start()
    run = self._run
    if not self._wait_until_training(run):
      run.end_all()
      self._run = None
      raise NotStartedError(f'exit code {run.code()}: {run.lines()[-1:]}')
    # One may be damaged.
    self._wait(
      lambda: len(started.checkpoint_frames(self._logdir)) > 1, _START_SECONDS
    )
    if choice.moment == 'between':
      self._stop()

  def _start(self) -> started.Started:
    self._starts += 1
    return started.Started(
      self._logdir,
      self._outputs / f'{self._logdir.name}_{self._starts}.txt',
      *self._args,
      env=faults.clock_environment(self._clock) if self._faked else {},
    )

  def _stop(self) -> None:
    run = self._run
    if run is not None:
      started.send(run.process.pid, signal.SIGTERM)
      self._wait(lambda: run.code() is not None, _HANG_SECONDS)
      run.end_all()
      self._run = None

  def _playing(self) -> started.Started:
    assert self._run is not None
    return self._run

  def _rows(self) -> list[metrics_table.Row]:
    return started.rows(self._logdir)

  def _refused_of(
    self, one: started.Started, other: started.Started
  ) -> started.Started:
    """Of two starts, the one that ends first; the other plays on."""
    self._wait(
      lambda: one.code() is not None or other.code() is not None, _START_SECONDS
    )
    ended, self._run = (one, other) if one.code() is not None else (other, one)
    return ended

  def _outcome(
    self,
    run: started.Started,
    fault: faults.Fault,
    since: float,
    hold: float = 0.0,
  ) -> str:
    """Waits until a run ends, or goes on with a row and a checkpoint.

    Args:
      run: which.
      fault: that it got.
      since: when.
      hold: a run that lives after so many seconds counts as going on.
    """
    rows = len(self._rows())
    steps = set(started.checkpoint_frames(self._logdir))
    starts = run.start_frames() is None
    limit = since + (_START_SECONDS if starts else _HANG_SECONDS)
    while time.monotonic() < limit:
      if (code := run.code()) is not None:
        return str(code)
      if hold:
        if time.monotonic() - since > hold:
          return judging.GOES_ON
      elif (
        judging.GOES_ON in fault.allowed
        and len(self._rows()) > rows
        and set(started.checkpoint_frames(self._logdir)) - steps
      ):
        return judging.GOES_ON
      time.sleep(_POLL_SECONDS)
    return judging.HANGS

  def _wait_until_training(self, run: started.Started) -> bool:
    """Until there is a row, and a checkpoint newer than the one it began with.

    False if it ends before.
    """

    def trains() -> bool:
      start = run.start_frames()
      frames = max(started.checkpoint_frames(self._logdir).values(), default=0)
      rows = self._rows()
      return (
        start is not None
        and frames > start
        and bool(rows)
        and rows[-1]['frames'] > start
      )

    self._wait(lambda: trains() or run.code() is not None, _START_SECONDS)
    return run.code() is None and trains()

  def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
      time.sleep(_POLL_SECONDS)
