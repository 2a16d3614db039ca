"""How a process of a run starts and ends: signals, status, logs, parentage.

Every role writes `<logdir>/status/<role>-<i>.json` as it goes along. A role
that ends on purpose sets a final status ('done', 'stopped' or 'failed'); one
that is killed leaves another, which is how `supervisor.py` tells them apart.

Imports nothing heavy, since it runs first. What only Linux has (parent-death
signals, subreapers) is replaced elsewhere by what psutil can see.
"""

import contextlib
import ctypes
import dataclasses
import io
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from attn_agents.utils import disk, patience, whole_files

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_HAS_PRCTL = sys.platform.startswith('linux')
_PARENT_SECONDS = 0.5
_PARENT = 'ATTN_AGENTS_PARENT'
# A status that is written over what was there may be read half written.
_READ_TRIES = 5
_READ_AGAIN_SECONDS = 0.01

_PID = re.compile(rb'"pid": (\d+),')

# The state of a status that is damaged, and its pid if that is, too.
UNREADABLE = 'unreadable'
UNKNOWN_PID = 0
# As long as what is left of a run whose parent was killed may take to end.
FORMER_RUN_SECONDS = 14.0

# Final states: afterwards the process may be gone.
ENDED = ('done', 'stopped', 'failed')


@dataclasses.dataclass(frozen=True)
class Status:
  """What one process last said of itself.

  Attributes:
    role: 'learner', 'reverb', 'actor', 'actor_supervisor' or 'evaluator'.
    index: among processes of the same role.
    pid: its process id.
    state: 'starting', 'running', 'done', 'stopped', 'failed' or 'unreadable'.
    detail: what it is doing, or why it failed; one line.
    time: Unix time of writing.
    extra: more facts of the role's own.
    shared_log: of the one process that all roles are threads of, the name of
      its log; '' if the role has a process of its own.
  """

  role: str
  index: int
  pid: int
  state: str
  detail: str = ''
  time: float = 0.0
  extra: dict[str, Any] = dataclasses.field(default_factory=dict)
  shared_log: str = ''

  @property
  def name(self) -> str:
    """E.g. 'actor-0'."""
    return f'{self.role}-{self.index}'


class StatusFile:
  """The status of this process, replaced in one step at every change.

  Where there is no room for another file, it is written over the old one, which
  takes no more room. Where that fails too, it stays as it was.
  """

  def __init__(
    self,
    logdir: pathlib.Path | str,
    role: str,
    index: int = 0,
    shared_log: str = '',
  ):
    """Makes the directory. The first `set` writes the first status."""
    directory = pathlib.Path(logdir) / 'status'
    directory.mkdir(parents=True, exist_ok=True)
    self._path = directory / f'{role}-{index}.json'
    self._role, self._index = role, index
    self._shared_log = shared_log
    self._extra: dict[str, Any] = {}
    self._lock = threading.Lock()
    self._ended = False

  def set(self, state: str, detail: str = '', **extra: Any) -> None:
    """Replaces the status; `extra` facts stay until overwritten.

    Any thread may call this. After one of `ENDED` nothing is written any more:
    a thread left behind must not replace the process's final status.
    """
    with self._lock:
      if not self._ended:
        self._ended = state in ENDED
        self._write(state, detail, extra)

  def set_failed(self, error: BaseException) -> None:
    """The final status of a process that ends by an exception."""
    # The system's errors do not say where there is no room.
    logdir = self._path.parents[1]
    error = disk.explained(error, logdir, of_a_write=False) or error
    self.set('failed', f'{type(error).__name__}: {error}')

  def _write(self, state: str, detail: str, extra: dict[str, Any]) -> None:
    self._extra.update(extra)
    one_line = ' '.join(str(detail).split())
    status = Status(
      self._role,
      self._index,
      os.getpid(),
      state,
      one_line,
      time.time(),
      dict(self._extra),
      self._shared_log,
    )
    text = json.dumps(dataclasses.asdict(status))
    partial = self._path.with_suffix(f'.{os.getpid()}.partial')
    try:
      partial.write_text(text)
      os.replace(partial, self._path)
    except OSError as error:
      if disk.explained(error, self._path.parent) is None:
        raise
      with contextlib.suppress(OSError):
        partial.unlink()
      self._write_over(text)

  def _write_over(self, text: str) -> None:
    try:
      with open(self._path, 'r+b', buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        # JSON may end with spaces.
        whole_files.overwrite(file.fileno(), text.encode().ljust(size))
    except OSError as error:
      print(f'status not written ({error}): {text}', flush=True)


def beat_path(logdir: pathlib.Path | str) -> pathlib.Path:
  """The file by which a learner among several hosts shows that it moves."""
  return pathlib.Path(logdir) / 'status' / 'learner-0.beat'


def read_statuses(logdir: pathlib.Path | str) -> Iterator[Status]:
  """Every process's status, in the order of their names.

  One that stays damaged has the state `UNREADABLE`, and the process id if that
  is left of it.
  """
  for path in sorted((pathlib.Path(logdir) / 'status').glob('*.json')):
    for _ in range(_READ_TRIES):
      try:
        yield Status(**json.loads(path.read_text()))
      except FileNotFoundError:
        pass
      except (TypeError, ValueError):
        time.sleep(_READ_AGAIN_SECONDS)
        continue
      break
    else:
      with contextlib.suppress(FileNotFoundError):
        yield _unreadable(path)


def _unreadable(path: pathlib.Path) -> Status:
  role, _, index = path.stem.rpartition('-')
  pid = _PID.search(path.read_bytes())
  return Status(
    role,
    int(index) if index.isdigit() else 0,
    int(pid[1]) if pid else UNKNOWN_PID,
    UNREADABLE,
    f'{path} is damaged',
    path.stat().st_mtime,
  )


def clear_statuses(logdir: pathlib.Path | str) -> None:
  """Removes what processes of an earlier run left."""
  for path in (pathlib.Path(logdir) / 'status').glob('*'):
    # A mirror may replace its own at this moment.
    path.unlink(missing_ok=True)


def wait_for_former_run(
  logdir: pathlib.Path | str,
  timeout: float,
  should_stop: Callable[[], bool] = lambda: False,
) -> bool:
  """Waits for processes that a former run in `logdir` left behind to end.

  Args:
    logdir: the run's directory.
    timeout: seconds, at most.
    should_stop: asked several times a second; ends the wait.

  Returns:
    Whether they have ended.
  """
  waiting = patience.Patience(timeout)
  while left_behind(logdir):
    if should_stop() or waiting.is_over():
      return False
    time.sleep(0.1)
  return True


def left_behind(logdir: pathlib.Path | str) -> list[Status]:
  """The statuses of those processes of a run in `logdir` that live."""
  return [status for status in read_statuses(logdir) if _still_runs(status)]


def _still_runs(status: Status) -> bool:
  """Whether a status is of a living process, and not of a reused pid."""
  try:
    born = psutil.Process(status.pid).create_time()
  except psutil.NoSuchProcess:
    return False
  return is_alive(status.pid) and born <= status.time


class StopSignal:
  """True from the first SIGTERM or SIGINT on.

  Replaces whatever handlers there are, Launchpad's included: its handler in a
  worker would SIGKILL the process some seconds later, saved or not.
  """

  def __init__(self) -> None:
    """Installs the handlers; must be called in the main thread."""
    self.event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
      signal.signal(number, lambda *_: self.event.set())

  def __call__(self) -> bool:
    """Whether to stop."""
    return self.event.is_set()


def known_parent() -> dict[str, str]:
  """Environment of a child of this process: tells it who its parent is.

  A child that asked for its parent itself would, if that had died meanwhile,
  take whoever adopted it for the parent, and live for ever.
  """
  return {_PARENT: str(os.getpid())}


def child_environment() -> dict[str, str]:
  """What a child finds in its environment: ours, and `known_parent`."""
  return {**os.environ, **known_parent()}


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
  """Has this process signalled when its parent dies, or if it is dead already.

  The parent is who started it with `known_parent`.
  """
  # Not inherited: the next process has another parent.
  parent = int(os.environ.pop(_PARENT, os.getppid()))
  if not _HAS_PRCTL:
    threading.Thread(
      target=_watch_parent, args=(parent, signal_number), daemon=True
    ).start()
    return
  _set_death_signal(parent, signal_number)


def tie_to(parent: int) -> None:
  """Ends this process when its parent ends; survives exec.

  Whatever kills the parent, the command gets a SIGTERM. Does nothing where the
  system cannot do that.

  Args:
    parent: the parent's process id.
  """
  if _HAS_PRCTL:
    _set_death_signal(parent, signal.SIGTERM)


def _set_death_signal(parent: int, signal_number: int) -> None:
  ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
  if os.getppid() != parent:
    os.kill(os.getpid(), signal_number)


def _watch_parent(parent: int, signal_number: int) -> None:
  while os.getppid() == parent:
    time.sleep(_PARENT_SECONDS)
  os.kill(os.getpid(), signal_number)


def adopt_orphans() -> None:
  """Makes this process the parent of its descendants' orphans.

  Where the system cannot, they end by `die_with_parent` alone.
  """
  if _HAS_PRCTL:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def is_alive(pid: int) -> bool:
  """Whether a process exists and is more than a zombie."""
  with contextlib.suppress(psutil.NoSuchProcess):
    return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
  return False


def describe_exit(code: int) -> str:
  """An exit code in words."""
  if code < 0:
    return f'was killed by signal {-code}'
  return f'ended with exit code {code}'


class _LossyFile(io.FileIO):
  """A file that drops what finds no room: a log must not end its process."""

  def write(self, data: Any) -> int:
    """Writes what there is room for, and takes the rest for written.

    Of one text the first part may be written, and the rest dropped.
    """
    try:
      return super().write(data)
    except OSError as error:
      if disk.explained(error) is None:
        raise
      return len(data)


def _lossy(descriptor: int) -> io.TextIOWrapper:
  raw = _LossyFile(descriptor, 'w', closefd=False)
  # As Python's own stderr: what cannot be encoded ends no process, either.
  return io.TextIOWrapper(
    io.BufferedWriter(raw), 'utf-8', 'backslashreplace', line_buffering=True
  )


def log_to_file(logdir: pathlib.Path | str, name: str) -> None:
  """Sends stdout and stderr of this process to `<logdir>/logs/<name>.log`.

  Appends, so that a continued run keeps its history; C++ output goes there
  too, since the file descriptors themselves are replaced. What Python writes
  while there is no room is lost.
  """
  path = pathlib.Path(logdir) / 'logs' / f'{name}.log'
  path.parent.mkdir(parents=True, exist_ok=True)
  sys.stdout.flush()
  sys.stderr.flush()
  descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
  os.dup2(descriptor, 1)
  os.dup2(descriptor, 2)
  os.close(descriptor)
  sys.stdout, sys.stderr = _lossy(1), _lossy(2)
  stamp = time.strftime('%Y-%m-%d %H:%M:%S')
  print(f'--- {name}, pid {os.getpid()}, {stamp} ---')
