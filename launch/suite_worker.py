"""Runs the runs of a suite or a population, several at a time."""

import dataclasses
import pathlib
import shlex
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from attn_agents.distributed import tied
from attn_agents.runs import run_directory
from attn_agents.utils import patience, stopping

_POLL_SECONDS = 0.2
# More than a run takes from a signal to its end.
_FORMER_SECONDS = 30.0
# Bytes of a log that are looked at for its last line.
_LONGEST_END = 4096
_ENDED = object()


@dataclasses.dataclass
class Outcome:
  """Runs of a suite that are not done.

  Attributes:
    failed: by name of the run, the exit code and what it said last.
    unfinished: names of runs that were stopped before their end.
  """

  failed: dict[str, str] = dataclasses.field(default_factory=dict)
  unfinished: list[str] = dataclasses.field(default_factory=list)


class Work(Protocol):
  """What a worker does one after another, as `suite.Run`.

  Attributes:
    name: by which it is told from the others.
    logdir: its directory.
  """

  @property
  def name(self) -> str:
    """See above."""

  @property
  def logdir(self) -> pathlib.Path:
    """See above."""

  def left(self) -> list[list[str]]:
    """The remaining commands."""


class Worker:
  """Runs a suite, several runs at a time.

  Whatever ends this process ends its runs, which save: a signal is passed on as
  a SIGTERM, and where the system has parent-death signals so is its own death.
  """

  def __init__(self, jobs: int, say: Callable[[str], None]):
    """Starts nothing.

    Args:
      jobs: number of runs at a time.
      say: called with one line whenever a run starts or ends.
    """
    self._jobs = jobs
    self._say = say
    self._requests = stopping.Requests()
    self._told = False
    self._processes: dict[str, subprocess.Popen] = {}
    self._outcome = Outcome()
    self._active: dict[str, Iterator[None]] = {}

  @property
  def active(self) -> Collection[str]:
    """Names of what it does at this moment."""
    return self._active.keys()

  @property
  def stop_signal(self) -> int:
    """Number of the first signal that asked it to stop, or 0."""
    return self._requests.first

  def run(self, runs: Iterable[Work | None]) -> Outcome:
    """Runs the remaining commands of each run.

    Signals are heard from here on. A failure does not stop other runs.

    Args:
      runs: asked for the next whenever there is room; None for none at this
        moment. Of runs of one name, the last says how it ended.
    """
    self._requests.listen()
    waiting = iter(runs)
    active = self._active
    while True:
      while len(active) < self._jobs and not self.stop_signal:
        run = next(waiting, None)
        if run is None:
          break
        active[run.name] = self._steps(run)
      if not active:
        return self._outcome
      self._pass_on()
      for name, steps in list(active.items()):
        if next(steps, _ENDED) is _ENDED:
          del active[name]
      time.sleep(_POLL_SECONDS)

  def _steps(self, run: Work) -> Iterator[None]:
    """Yields until the run's commands have ended."""
    self._outcome.failed.pop(run.name, None)
    if run.name in self._outcome.unfinished:
      self._outcome.unfinished.remove(run.name)
    left = run.left()
    if not left:
      self._say(f'{run.name}: already done')
      return
    yield from self._wait_for_former(run)
    run.logdir.parent.mkdir(parents=True, exist_ok=True)
    log = run.logdir.with_name(f'{run.name}.log')
    for command in left:
      if self.stop_signal:
        break
      self._say(f'{run.name}: {shlex.join(command)}')
      began = log.stat().st_size if log.exists() else 0
      process = self._processes[run.name] = _start(command, log)
      while process.poll() is None:
        yield
      del self._processes[run.name]
      code = process.returncode
      if stopping.ended_by_request(code) or (code and self._killed):
        break
      if code:
        line = f'exit code {code}: {_last_line(log, began)}'
        self._outcome.failed[run.name] = line
        self._say(f'{run.name}: failed with {line} ({log})')
        return
    else:
      if not self.stop_signal:
        self._say(f'{run.name}: done')
        return
    self._outcome.unfinished.append(run.name)
    self._say(f'{run.name}: stopped')

  def exit_code(self, outcome: Outcome) -> int:
    """Of the command: 0, 1, or 75 if it is to be run again."""
    # A batch system starts the command again, and with it what failed.
    if stopping.is_by_machine(self.stop_signal):
      return stopping.TO_BE_CONTINUED
    if outcome.failed:
      return 1
    if outcome.unfinished and not self.stop_signal:
      return stopping.TO_BE_CONTINUED
    return 0

  def _wait_for_former(self, run: Work) -> Iterator[None]:
    """Yields while a run of a suite that was killed is still saving."""
    directory = run_directory.RunDirectory(run.logdir)
    waiting = patience.Patience(_FORMER_SECONDS)
    if directory.is_locked():
      self._say(f'{run.name}: waits for the end of what runs there')
    while (
      directory.is_locked() and not waiting.is_over() and not self.stop_signal
    ):
      yield

  @property
  def _killed(self) -> bool:
    return self._requests.in_a_hurry

  def _pass_on(self) -> None:
    """Tells the runs to save and end, once; or ends them, in a hurry."""
    if self._killed:
      for process in self._processes.values():
        process.kill()
    elif self.stop_signal and not self._told:
      self._told = True
      for process in self._processes.values():
        process.terminate()


def _start(command: Sequence[str], log: pathlib.Path) -> subprocess.Popen:
  """Starts a command that writes to the end of a log file."""
  with open(log, 'a') as file:
    return subprocess.Popen(
      tied.command(command),
      stdin=subprocess.DEVNULL,
      stdout=file,
      stderr=file,
      # Ctrl-C reaches only this process, which forwards it once.
      start_new_session=True,
    )


def _last_line(log: pathlib.Path, began: int) -> str:
  """The last line that a command wrote to its log, from byte `began` on."""
  with open(log, 'rb') as file:
    file.seek(max(began, log.stat().st_size - _LONGEST_END))
    lines = file.read().decode(errors='replace').split('\n')
  return next((line.strip() for line in lines[::-1] if line.strip()), '')
