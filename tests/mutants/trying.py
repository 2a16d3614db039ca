"""Runs tests on a changed copy of the tree until one notices."""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.mutants import copies, drawing, noting, selecting

# A test that a change makes hang is given up after so long.
_TEST_SECONDS = 300
# Beside what tests take, for starting and collecting, on a busy machine.
_SPARE_SECONDS = 300
_TIMES_SLOWER = 6


@dataclasses.dataclass(frozen=True)
class Tried:
  """What became of a change.

  Attributes:
    id: of the change.
    caught: the test that noticed, '' if none did.
    how: 'fails', 'is not collected' or 'hangs'; '' if none did.
    seconds: that it took.
    tests: how many were chosen until then.
    flaky: tests that failed with the change only once, or also without it.
  """

  id: str
  caught: str
  how: str
  seconds: float
  tests: int
  flaky: tuple[str, ...] = ()


class Failure(NamedTuple):
  """The first test that failed.

  Attributes:
    test: its name, '' if none did.
    how: as in `Tried`.
    seconds: that it took; infinite if that is not known.
  """

  test: str = ''
  how: str = ''
  seconds: float = math.inf


class Runner:
  """Runs tests in one copy of the tree."""

  def __init__(self, copy: pathlib.Path, patience: float = 1.0):
    """Starts the process that tests are forked from.

    Args:
      copy: of the tree.
      patience: by what all limits of time are multiplied.
    """
    self.copy = copy
    self._patience = patience
    self._notes = copy / 'notes.jsonl'
    variables = {
      noting.VARIABLE: str(self._notes),
      noting.COMPILED: str(copy.parent / 'compiled'),
      'PYTHONDONTWRITEBYTECODE': '1',
    }
    self._process = subprocess.Popen(
      [copies.python(copy), '-W', 'ignore', '-m', 'tests.mutants.warm'],
      cwd=copy, env={**os.environ, **variables}, stdin=subprocess.PIPE,
      stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip

  def close(self) -> None:
    """Ends that process."""
    assert self._process.stdin is not None
    self._process.stdin.close()
    self._process.wait()

  def first_failure(self, tests: list[str], seconds: float) -> Failure:
    """The first test that fails.

    Args:
      tests: names of tests, or of files.
      seconds: that they take when nothing is wrong.
    """
    self._notes.unlink(missing_ok=True)
    names = self.copy / 'tests.txt'
    names.write_text('\n'.join(tests))
    arguments = [
      '-x', '-p', 'tests.mutants.noting', '-p', 'no:cacheprovider',
      '-o', f'timeout={self._patience * _TEST_SECONDS}', f'@{names}',
    ]  # fmt: skip
    output = str(self.copy / 'output.txt')
    stdin, stdout = self._process.stdin, self._process.stdout
    assert stdin is not None and stdout is not None
    stdin.write(json.dumps({'arguments': arguments, 'output': output}) + '\n')
    stdin.flush()
    group = int(stdout.readline())
    ended = threading.Event()
    late = threading.Event()

    def watch() -> None:
      limit = self._patience * (_TIMES_SLOWER * seconds + _SPARE_SECONDS)
      if not ended.wait(limit):
        late.set()
        _kill(group)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = int(stdout.readline())
    ended.set()
    watcher.join()
    # What tests leave behind.
    _kill(group)
    return judge(-1 if late.is_set() else code, self._notes)


def _kill(group: int) -> None:
  with contextlib.suppress(ProcessLookupError):
    os.killpg(group, signal.SIGKILL)


def try_one(
  runner: Runner,
  drawn: drawing.Drawn,
  stages: Iterable[selecting.Chosen],
  is_sure: Callable[[str], bool],
  sure_seconds: float = 0.0,
) -> Tried:
  """Changes the copy, runs tests, and takes the change back.

  A test notices if it fails with the change, and, unless it is sure, fails once
  more and passes without the change.

  Args:
    runner: has the copy.
    drawn: the change.
    stages: the tests, in their order.
    is_sure: says whether a test fails for no other reason.
    sure_seconds: so does one that has failed sooner than that.

  Raises:
    MovedError: the tree no longer has the lines of the change.
  """
  path = runner.copy / drawn.file
  text = path.read_text()
  changed = drawing.apply(text, drawn)
  start, count = time.monotonic(), 0
  flaky: list[str] = []
  for chosen in stages:
    left = chosen.tests
    count += len(left)
    while left:
      path.write_text(changed)
      try:
        name, how, took = runner.first_failure(left, chosen.seconds)
        sure = not name or is_sure(name) or took < sure_seconds
        again = sure or runner.first_failure([name], chosen.seconds).test
      finally:
        path.write_text(text)
      if not name:
        break
      if sure or (
        again and not runner.first_failure([name], chosen.seconds)[0]
      ):
        seconds = round(time.monotonic() - start, 1)
        return Tried(drawn.id, name, how, seconds, count, tuple(flaky))
      flaky.append(name)
      left = _after(left, name)
  seconds = round(time.monotonic() - start, 1)
  return Tried(drawn.id, '', '', seconds, count, tuple(flaky))


def _after(tests: list[str], failed: str) -> list[str]:
  """What is left once a test has failed for nothing."""
  file = failed.split('::', maxsplit=1)[0]
  places = [i for i, x in enumerate(tests) if x in (failed, file)]
  return tests[places[-1] + 1 :] if places else []


def judge(code: int, notes: pathlib.Path) -> Failure:
  """Reads what `noting` has left of pytest that ended with this code.

  Raises:
    RuntimeError: pytest was called wrongly.
  """
  if code in (0, 5):
    return Failure()
  lines = notes.read_text().splitlines() if notes.exists() else []
  found = [json.loads(x) for x in lines]
  failed = [x['failed'] for x in found if 'failed' in x]
  started = [x['started'] for x in found if 'started' in x]
  seconds = {x['test']: x['seconds'] for x in found if 'test' in x}
  if failed:
    name = failed[0]
    if '::' not in name:
      return Failure(name, 'is not collected', 0.0)
    return Failure(name, 'fails', seconds.get(name, math.inf))
  if started:
    return Failure(started[-1], 'hangs' if code < 0 else 'fails')
  if code == 4:
    # A conftest.py or a plugin could not be imported, or a name is wrong.
    return Failure('collection', 'is not collected')
  raise RuntimeError(f'pytest ended with {code} before any test')
