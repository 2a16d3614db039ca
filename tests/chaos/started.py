"""One start of a run: its processes, its output, its files."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping

import psutil

from attn_agents.distributed import lifecycle
from attn_agents.runs import saved_runs
from attn_agents.utils import metrics_table
from tests.launch import running

_MARKER = 'ATTN_AGENTS_CHAOS'
# Compiles fast rather than well.
_QUICK = '--xla_backend_optimization_level=0 ' + (
  '--xla_llvm_disable_expensive_passes=true'
)
PARENT, PROGRAM, OTHER = 'parent', 'program', 'other'


class Started:
  """A `run_local` process and all that came of it."""

  def __init__(
    self,
    logdir: pathlib.Path,
    output: pathlib.Path,
    *args: str,
    env: Mapping[str, str] | None = None,
  ):
    """Starts it; its processes are known by a mark in their environment."""
    self.logdir = logdir
    self._output = output
    self._mark = f'{_MARKER}={uuid.uuid4().hex}'
    name, _, value = self._mark.partition('=')
    with open(output, 'wb') as file:
      self.process = subprocess.Popen(
        [
          sys.executable, str(running.ROOT / 'launch' / 'run_local.py'),
          f'--logdir={logdir}', *args,
        ],
        stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
        env={**os.environ, 'XLA_FLAGS': _QUICK, **(env or {}), name: value},
      )  # fmt: skip

  def code(self) -> int | None:
    """The exit code, None while it runs."""
    return self.process.poll()

  def lines(self) -> list[str]:
    """All that it printed."""
    text = self._output.read_text(errors='replace')
    return [line for line in text.splitlines() if line.strip()]

  def alive(self) -> dict[int, str]:
    """Pid and role of each living process.

    Roles are those of status files without their number, or `PARENT`,
    `PROGRAM` (what the parent started) and `OTHER`.
    """
    roles = {s.pid: s.role for s in lifecycle.read_statuses(self.logdir)}
    found = {}
    for pid in marked(self._mark):
      if pid == self.process.pid:
        found[pid] = PARENT
      elif 'attn_agents.distributed.programs.' in _command(pid):
        found[pid] = PROGRAM
      else:
        found[pid] = roles.get(pid, OTHER)
    return found

  def orphans(self, patience: float) -> list[str]:
    """Commands of what still lives after that many seconds."""
    deadline = time.monotonic() + patience
    while left := marked(self._mark):
      if time.monotonic() > deadline:
        return [_command(pid)[:200] for pid in left]
      time.sleep(0.2)
    return []

  def end_all(self) -> None:
    """Kills every process, the harness's last resort."""
    while left := marked(self._mark):
      for pid in left:
        send(pid, signal.SIGKILL)
      self.process.poll()
      time.sleep(0.1)
    self.process.wait()

  def start_frames(self) -> int | None:
    """Frames of the checkpoint it started from, None if it has not yet."""
    for status in lifecycle.read_statuses(self.logdir):
      # An earlier run's status stands there until this one removes it.
      if status.role == 'learner' and _has_mark(status.pid, self._mark):
        return status.extra.get('frames')
    return None


def _has_mark(pid: int, mark: str) -> bool:
  try:
    environment = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
  except (FileNotFoundError, ProcessLookupError, PermissionError):
    return False
  return mark.encode() in environment.split(b'\0')


def marked(mark: str) -> list[int]:
  """Pids of living processes that have `mark`, 'NAME=value', in their
  environment."""
  pids = [int(p.name) for p in pathlib.Path('/proc').glob('[0-9]*')]
  return sorted(
    pid for pid in pids if _has_mark(pid, mark) and lifecycle.is_alive(pid)
  )


def send(pid: int, number: int) -> None:
  """Signals a process that may be gone."""
  try:
    os.kill(pid, number)
  except ProcessLookupError:
    return


def _command(pid: int) -> str:
  try:
    return ' '.join(psutil.Process(pid).cmdline())
  except psutil.NoSuchProcess:
    return f'pid {pid}'


def checkpoint_frames(logdir: pathlib.Path) -> dict[int, int]:
  """Frames of each whole checkpoint, by learner step."""
  found = {}
  for step in saved_runs.steps(logdir / 'checkpoints'):
    meta = logdir / 'checkpoints' / str(step) / 'meta' / 'metadata'
    try:
      found[step] = json.loads(meta.read_text())['counters']['frames']
    except (FileNotFoundError, ValueError):
      # Removed since, or damaged on purpose.
      continue
  return found


def frames_said(lines: list[str]) -> int:
  """Frames of the checkpoint that the last line reports, 0 if none."""
  found = re.search(r'checkpoint saved at ([\d,]+) frames', (lines or [''])[-1])
  return int(found[1].replace(',', '')) if found else 0


def rows(logdir: pathlib.Path) -> list[metrics_table.Row]:
  """The rows of metrics.csv."""
  return metrics_table.read(logdir / 'metrics.csv')


def wrong_rows(
  before: list[metrics_table.Row],
  after: list[metrics_table.Row],
  start: int | None,
) -> str:
  """What is wrong with the rows of a run that went on; '' if nothing.

  Args:
    before: at the time of the fault.
    after: later.
    start: frames where it went on; None if it did not stop.
  """
  steps = [row['learner_steps'] for row in after]
  if steps != sorted(set(steps)):
    return 'a step stands in metrics.csv twice, or steps go back'
  kept = [r for r in before if start is None or r['frames'] <= start]
  if [r['learner_steps'] for r in kept] != steps[: len(kept)]:
    return 'rows before the checkpoint are gone from metrics.csv'
  return ''
