"""Processes that answer each line on their stdin with one of JSON."""

import ctypes
import json
import os
import pathlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import harness

ROOT = pathlib.Path(__file__).parents[1]


class Process:
  """One of them, which ends with its stdin.

  Attributes:
    ready: what it said when it was.
  """

  def __init__(
    self,
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
  ):
    """Starts it and waits until it is ready.

    Args:
      name: for messages.
      command: and its arguments; runs in the top folder.
      environment: variables that differ from this process's.

    Raises:
      harness.FailedError: it ended instead.
    """
    self._name = name
    self._process = subprocess.Popen(
      command,
      cwd=ROOT,
      env={**os.environ, **(environment or {})},
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )
    self.ready = self.hear()
    pids = self.ready.get('pids', []) if isinstance(self.ready, dict) else []
    self._clocks = [_cpu_clock(x) for x in (self._process.pid, *pids)]

  def core_seconds(self) -> float:
    """What it, and those whose pids it told, took of a core so far."""
    return sum(map(time.clock_gettime, self._clocks))

  def tell(self, line: str) -> None:
    """Asks for something."""
    assert self._process.stdin is not None
    self._process.stdin.write(f'{line}\n')
    self._process.stdin.flush()

  def hear(self) -> Any:
    """The next answer.

    Raises:
      harness.FailedError: there is none; the process has ended.
    """
    assert self._process.stdout is not None
    line = self._process.stdout.readline()
    if not line:
      code = self._process.wait()
      raise harness.FailedError(f'{self._name} ended with exit code {code}')
    return json.loads(line)

  def ask(self, line: str) -> Any:
    """What it answers."""
    self.tell(line)
    return self.hear()

  def close(self) -> None:
    """Ends it."""
    assert self._process.stdin is not None
    self._process.stdin.close()
    try:
      self._process.wait(20)
    except subprocess.TimeoutExpired:
      self._process.kill()
      self._process.wait()


def answer(value: Any) -> None:
  """What such a process says."""
  print(json.dumps(value), flush=True)


def _cpu_clock(pid: int) -> int:
  """The clock of what a process takes of a core, in nanoseconds.

  /proc counts in hundredths of a second.
  """
  clock = ctypes.c_int()
  error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
  if error:
    raise ProcessLookupError(error, os.strerror(error))
  return clock.value
