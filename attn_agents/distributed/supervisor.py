"""Runs a program as a child, watches over it, and tells how it ended.

Launchpad's own exit codes cannot be relied on (it may kill itself with its
workers), so the run's end is read from what its processes left as their last
word, and nothing of it is ever left running.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Protocol

import psutil

from attn_agents.distributed import (
  lifecycle,
  memory,
  roles,
  thread_limits,
  topology,
)
from attn_agents.runs import run_directory, saved_runs

_POLL_SECONDS = 0.2
# After the wish to stop: when everything still alive is killed. Launchpad
# kills its workers some seconds earlier.
_STOP_SECONDS = 14.0
# Arguments of the interpreter that start the program, by runtime.
_PROGRAMS = {
  'launchpad': ['-m', 'attn_agents.distributed.program'],
  'threads': ['-m', 'attn_agents.distributed.threads'],
}
# Environment variables of that process, which libraries read as they load.
_VARIABLES: dict[str, dict[str, str]] = {
  # Its processes differ; see `program.environment_of`.
  'launchpad': {},
  # Actors and learner share XLA's threads. NumPy's own would only get in their
  # way.
  'threads': {**thread_limits.ONE_THREAD, 'TF_CPP_MIN_LOG_LEVEL': '2'},
}
# What ends the run when it dies; an actor alone does not.
_ESSENTIAL = ('reverb', 'learner', 'actor_supervisor', 'evaluator')


class Display(Protocol):
  """Shows a run to its user."""

  def update(self, statuses: Sequence[lifecycle.Status]) -> None:
    """Called several times a second."""

  def close(self) -> None:
    """Called once, before the last line is printed."""


class _Nobody:
  """The display of a run that nobody can watch any more."""

  def update(self, statuses: Sequence[lifecycle.Status]) -> None:
    """Shows nothing."""

  def close(self) -> None:
    """Nothing is open."""


@dataclasses.dataclass(frozen=True)
class Ending:
  """How a run ended.

  Attributes:
    code: exit code for the shell.
    cause: one line for the user.
  """

  code: int
  cause: str


@dataclasses.dataclass
class _Watch:
  """What the supervisor has seen so far."""

  stop_signal: int = 0
  signals: int = 0
  stopping_since: float = 0.0
  missing: str = ''


class Supervisor:
  """The parent of all processes of a run on this machine."""

  def __init__(self, place: topology.Topology, display: Display):
    """Starts nothing yet."""
    self._place = place
    self._display = display
    self._watch = _Watch()

  def run(self) -> Ending:
    """Starts the program and returns when it and all its processes are gone.

    SIGINT and SIGTERM ask it to save and stop; a second one does not wait.
    Must be called in the main thread.
    """
    # Of a run whose parent was killed, the learner may still be saving.
    lifecycle.wait_for_former_run(self._place.logdir, _STOP_SECONDS)
    lifecycle.clear_statuses(self._place.logdir)
    lifecycle.adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM):
      signal.signal(number, self._on_signal)
    launcher = self._start()
    try:
      while launcher.poll() is None and not self._out_of_patience():
        self._look(launcher)
        time.sleep(_POLL_SECONDS)
      self._look(launcher)
    finally:
      self._stop(launcher)
      self._end_all()
      with contextlib.suppress(OSError):
        self._display.close()
    return diagnose(
      list(lifecycle.read_statuses(self._place.logdir)),
      launcher_code=launcher.wait(),
      stop_signal=self._watch.stop_signal,
      missing=self._watch.missing,
      has_checkpoint=_has_checkpoint(self._place.logdir),
    )

  def _start(self) -> subprocess.Popen:
    logs = pathlib.Path(self._place.logdir) / 'logs'
    logs.mkdir(parents=True, exist_ok=True)
    command = [
      sys.executable,
      *_PROGRAMS[self._place.runtime],
      f'--topology={topology.to_json(self._place)}',
    ]
    with open(logs / 'launcher.log', 'a') as log:
      return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=pathlib.Path(__file__).parents[2],
        env={
          **os.environ,
          **memory.environment(),
          **_VARIABLES[self._place.runtime],
          'LAUNCHPAD_LOGGING_DIR': f'{logs}/launchpad/',
        },
        # Ctrl-C reaches this process only, which passes it on once.
        start_new_session=True,
      )

  def _look(self, launcher: subprocess.Popen) -> None:
    """Passes a wish or a need to stop on to the launcher; shows the run."""
    statuses = list(lifecycle.read_statuses(self._place.logdir))
    if not self._watch.missing and not self._watch.stopping_since:
      self._watch.missing = self._find_dead(statuses)
    if self._watch.stop_signal or self._watch.missing or _is_over(statuses):
      self._stop(launcher)
    try:
      self._display.update(statuses)
    except OSError:
      # The terminal is gone (`| tee` dies of the same Ctrl-C). The run does not
      # depend on being watched.
      self._display = _Nobody()

  def _stop(self, launcher: subprocess.Popen) -> None:
    """Asks everything to save and stop, once."""
    if not self._watch.stopping_since:
      self._watch.stopping_since = time.monotonic()
      if launcher.poll() is None:
        launcher.send_signal(signal.SIGTERM)

  def _find_dead(self, statuses: Sequence[lifecycle.Status]) -> str:
    """A process that is gone without a word; see `_dead`."""
    if not _dead(statuses):
      return ''
    # It may have said its last word between our reading and our looking.
    return _dead(list(lifecycle.read_statuses(self._place.logdir)))

  def _out_of_patience(self) -> bool:
    since = self._watch.stopping_since
    late = since and time.monotonic() - since > _STOP_SECONDS
    return bool(late or self._watch.signals > 1)

  def _on_signal(self, number: int, frame: object) -> None:
    del frame
    self._watch.stop_signal = self._watch.stop_signal or number
    self._watch.signals += 1

  def _end_all(self) -> None:
    """Leaves no descendant behind, orphans included."""
    deadline = (self._watch.stopping_since or time.monotonic()) + _STOP_SECONDS
    while alive := psutil.Process().children(recursive=True):
      if self._watch.signals > 1 or time.monotonic() > deadline:
        for process in alive:
          _kill(process)
      psutil.wait_procs(alive, timeout=_POLL_SECONDS)


def diagnose(
  statuses: Sequence[lifecycle.Status],
  *,
  launcher_code: int,
  stop_signal: int,
  missing: str,
  has_checkpoint: bool,
) -> Ending:
  """Tells from what is left how a run ended.

  Args:
    statuses: every process's last word.
    launcher_code: exit code of the launching process, negative for a signal.
    stop_signal: that the user sent, or 0.
    missing: a process that was found dead while nobody had asked to stop.
    has_checkpoint: whether the run has any checkpoint.
  """
  learner = next((s for s in statuses if s.role == 'learner'), None)
  saved = _saved(learner, has_checkpoint)
  failed = [s for s in statuses if s.state == 'failed' and s.role in _ESSENTIAL]
  if learner is not None and learner.state == 'done' and not missing:
    return Ending(0, f'done; {saved}')
  if stop_signal and not missing and not _fatal(failed):
    if learner is not None and learner.state == 'stopped' and has_checkpoint:
      return Ending(0, f'stopped; {saved}')
    return Ending(128 + stop_signal, f'stopped in a hurry; {saved}')
  if missing:
    return Ending(1, f'failed: {missing}; {saved}')
  if failed:
    first = min(failed, key=lambda s: s.time)
    name = first.name.replace('_supervisor', '')
    log = first.shared_log or name
    return Ending(
      1, f'failed: {name}: {first.detail} (logs/{log}.log); {saved}'
    )
  if lost := _dead(statuses):
    return Ending(1, f'failed: {lost}; {saved}')
  if launcher_code:
    return Ending(
      1,
      f'failed: the launcher {roles.describe_exit(launcher_code)} '
      f'(logs/launcher.log); {saved}',
    )
  return Ending(1, f'failed: the program ended by itself; {saved}')


def _saved(learner: lifecycle.Status | None, has_checkpoint: bool) -> str:
  if learner is not None and 'saved' in learner.extra:
    return f'checkpoint saved at {learner.extra["saved"]:,} frames'
  if has_checkpoint:
    return 'the last checkpoint stands'
  return 'there is no checkpoint yet'


def _fatal(failed: Sequence[lifecycle.Status]) -> bool:
  return any(s.role != 'actor_supervisor' for s in failed)


def _is_over(statuses: Sequence[lifecycle.Status]) -> bool:
  """Whether the program has nothing left to do, well or badly."""
  actors = [s for s in statuses if s.role == 'actor_supervisor']
  no_actor = bool(actors) and all(s.state == 'failed' for s in actors)
  ended = any(s.role == 'learner' and s.state in lifecycle.ENDED
              for s in statuses)  # fmt: skip
  return no_actor or ended or _fatal([s for s in statuses
                                      if s.state == 'failed'
                                      and s.role in _ESSENTIAL])  # fmt: skip


def _dead(statuses: Sequence[lifecycle.Status]) -> str:
  """The first process that is gone without having said why, or ''."""
  for status in statuses:
    if (
      status.role in _ESSENTIAL
      and status.state not in lifecycle.ENDED
      and not lifecycle.is_alive(status.pid)
    ):
      if status.shared_log:
        return (
          f'the process (pid {status.pid}) was killed or crashed '
          f'(logs/{status.shared_log}.log)'
        )
      name = status.name.replace('_supervisor', '')
      what = 'its supervisor' if name != status.name else 'it'
      return (
        f'{name}: {what} (pid {status.pid}) was killed or crashed '
        f'(logs/{name}.log)'
      )
  return ''


def _has_checkpoint(logdir: str) -> bool:
  return bool(saved_runs.steps(run_directory.RunDirectory(logdir).checkpoints))


def _kill(process: psutil.Process) -> None:
  with contextlib.suppress(psutil.NoSuchProcess):
    process.kill()
