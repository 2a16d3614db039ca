"""Runs a program as a child, watches over it, and says how it ended.

It leaves no process of the run behind. What ends a run, and with which exit
code, is decided in `outcome.py`.
"""

import contextlib
import dataclasses
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from typing import Protocol

import psutil

from attn_agents.distributed import (
  lifecycle,
  outcome,
  process_environment,
  topology,
)
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import output, patience, stopping

_POLL_SECONDS = 0.2
# From the stop request until everything still alive is killed. Launchpad kills
# its workers some seconds earlier.
_STOP_SECONDS = 14.0
# A learner among several hosts shows so often, twice a second, that it moves.
_STUCK_SECONDS = 30.0
# Arguments of the interpreter that start the program, by runtime.
_PROGRAMS = {
  'launchpad': ['-m', 'attn_agents.distributed.programs.launchpad'],
  'threads': ['-m', 'attn_agents.distributed.programs.threads'],
}


class Console(Protocol):
  """Shows a run to its user."""

  def update(self, statuses: Sequence[lifecycle.Status]) -> None:
    """Called several times a second."""

  def close(self) -> None:
    """Called once, before the last line is printed."""


@dataclasses.dataclass
class _Watch:
  """What the supervisor has seen so far."""

  stopping: patience.Patience | None = None
  missing: str = ''
  stuck: str = ''
  beat: str = ''
  beating: patience.Patience | None = None


class Supervisor:
  """The parent of all processes of a run on this machine."""

  def __init__(
    self,
    place: topology.Topology,
    console: Console,
    requests: stopping.Requests | None = None,
    spared: Collection[int] = (),
  ):
    """Starts nothing yet.

    Args:
      place: of the run's processes.
      console: shows the run.
      requests: to stop, if the caller hears them already.
      spared: process ids of the caller's own children, which are left alone.
    """
    self._place = place
    self._console = console
    self._watch = _Watch()
    self._requests = requests or stopping.Requests()
    self._spared = spared

  def run(self) -> outcome.Ending:
    """Starts the program and returns when it and all its processes are gone.

    SIGINT, SIGTERM, SIGUSR1 and SIGHUP ask it to save and stop. A second Ctrl-C
    does not wait. Must be called in the main thread, when no process of a
    former run is left: `lifecycle.wait_for_former_run`.
    """
    self._requests.listen()
    if self._requests.first:
      with output.may_be_lost():
        self._console.close()
      return outcome.before_start(
        self._requests.first, has_checkpoint=self._has_checkpoint()
      )
    lifecycle.clear_statuses(self._place.logdir)
    run_directory.RunDirectory(self._place.logdir).remove_unfinished()
    lifecycle.adopt_orphans()
    # Launchpad and Reverb leave directories of their own behind.
    with tempfile.TemporaryDirectory(
      prefix='attn_agents_', ignore_cleanup_errors=True
    ) as temporary:
      launcher = self._start(temporary)
      try:
        while launcher.poll() is None and not self._out_of_patience():
          self._look(launcher)
          time.sleep(_POLL_SECONDS)
        self._look(launcher)
      finally:
        self._stop(launcher)
        self._end_all()
        with output.may_be_lost():
          self._console.close()
    ending = outcome.diagnose(
      list(lifecycle.read_statuses(self._place.logdir)),
      launcher_code=launcher.wait(),
      stop_signal=self._requests.first,
      missing=self._watch.missing,
      has_checkpoint=self._has_checkpoint(),
      stuck=self._watch.stuck,
    )
    return outcome.with_disk(ending, self._place.logdir)

  def _start(self, temporary: str) -> subprocess.Popen:
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
          **lifecycle.child_environment(),
          **process_environment.of_launcher(self._place.runtime),
          'LAUNCHPAD_LOGGING_DIR': f'{logs}/launchpad/',
          'TMPDIR': temporary,
        },
        # Ctrl-C reaches this process only, which passes it on once.
        start_new_session=True,
      )

  def _look(self, launcher: subprocess.Popen) -> None:
    """Stops the launcher if there is a reason to; shows the run."""
    statuses = list(lifecycle.read_statuses(self._place.logdir))
    if not self._watch.missing and self._watch.stopping is None:
      self._watch.missing = self._find_dead(statuses)
      if self._place.num_hosts > 1 and not self._watch.stuck:
        self._watch.stuck = self._find_stuck()
    if (
      self._requests.first
      or self._watch.missing
      or self._watch.stuck
      or outcome.is_over(statuses)
    ):
      self._stop(launcher)
    with output.may_be_lost():
      self._console.update(statuses)

  def _stop(self, launcher: subprocess.Popen) -> None:
    """Asks everything to save and stop, once."""
    if self._watch.stopping is None:
      self._watch.stopping = patience.Patience(_STOP_SECONDS)
      if launcher.poll() is None:
        launcher.send_signal(signal.SIGTERM)

  def _find_dead(self, statuses: Sequence[lifecycle.Status]) -> str:
    """A process without a final status; see `outcome.first_dead`."""
    if not outcome.first_dead(statuses):
      return ''
    # It may have written its final status between our reading and our looking.
    return outcome.first_dead(list(lifecycle.read_statuses(self._place.logdir)))

  def _find_stuck(self) -> str:
    """Whether the learner, which is watched by other hosts, stands still.

    They have left it by then; it would wait for them for ever.
    """
    try:
      beat = lifecycle.beat_path(self._place.logdir).read_text()
    except OSError:
      return ''
    watch = self._watch
    if beat != watch.beat or watch.beating is None:
      watch.beat, watch.beating = beat, patience.Patience(_STUCK_SECONDS)
    if not watch.beating.is_over():
      return ''
    return f'learner-0 has not moved for {_STUCK_SECONDS:g} s'

  def _has_checkpoint(self) -> bool:
    # Host 0 has those of all hosts.
    elsewhere = self._place.host_index > 0 or not self._place.serve
    return elsewhere or _has_checkpoint(self._place.logdir)

  def _out_of_patience(self) -> bool:
    waiting = self._watch.stopping
    late = waiting is not None and waiting.is_over()
    return late or self._requests.in_a_hurry

  def _end_all(self) -> None:
    """Leaves no descendant behind, orphans included."""
    while alive := self._descendants():
      if self._out_of_patience():
        for process in alive:
          _kill(process)
      psutil.wait_procs(alive, timeout=_POLL_SECONDS)

  def _descendants(self) -> list[psutil.Process]:
    alive = psutil.Process().children(recursive=True)
    return [process for process in alive if process.pid not in self._spared]


def _has_checkpoint(logdir: str) -> bool:
  return bool(saved_runs.steps(run_directory.RunDirectory(logdir).checkpoints))


def _kill(process: psutil.Process) -> None:
  with contextlib.suppress(psutil.NoSuchProcess):
    process.kill()
