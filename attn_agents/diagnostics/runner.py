"""Asks questions in processes that may crash or hang without harm."""

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import psutil

from attn_agents.distributed import tied
from attn_agents.utils import patience

_ROOT = pathlib.Path(__file__).parents[2]
_CHILD = 'attn_agents.diagnostics.child'
_LOOK_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Answer:
  """The answer to one question.

  Attributes:
    name: of the check or game.
    ok: True if it passed.
    detail: one line; why not, where it did not.
  """

  name: str
  ok: bool
  detail: str


def ask(
  kind: str, names: Sequence[str], timeout: float, module: str = _CHILD
) -> Iterator[Answer]:
  """Puts questions to a child process, one after the other.

  If the child dies or hangs, the answer to its current question is no, and a
  new child gets the rest.

  Args:
    kind: 'check', 'game' or 'agent'.
    names: of the questions.
    timeout: seconds from one answer to the next.
    module: what answers; see `child`.

  Yields:
    One answer per name, in order, as it comes.
  """
  names = list(names)
  while names:
    for answer in _ask_one_child(kind, names, timeout, module):
      names = names[1:]
      yield answer


def _ask_one_child(
  kind: str, names: Sequence[str], timeout: float, module: str
) -> Iterator[Answer]:
  receiving, sending = os.pipe()
  with tempfile.TemporaryFile() as log, os.fdopen(receiving, 'rb') as answers:
    process = subprocess.Popen(
      # Whoever ends the doctor ends what hangs.
      tied.command([sys.executable, '-m', module, str(sending), kind, *names]),
      env={
        **os.environ,
        'PYTHONPATH': os.pathsep.join([str(_ROOT), *sys.path]),
      },
      pass_fds=(sending,),
      stdin=subprocess.DEVNULL,
      stdout=log,
      stderr=log,
      start_new_session=True,
    )
    os.close(sending)
    try:
      for name in names:
        line, hangs = _read_line(answers, timeout)
        if hangs:
          yield Answer(name, False, f'no answer within {timeout:g} s')
          return
        if not line:
          code = process.wait()
          yield Answer(name, False, f'{_ending(code)}: {_last_line(log)}')
          return
        ok, detail = json.loads(line)
        yield Answer(name, ok, detail)
    finally:
      _end(process)


def _read_line(pipe: IO[bytes], timeout: float) -> tuple[bytes, bool]:
  """Returns (line, False), (b'', False) at the end or (b'', True) in time."""
  line = b''
  waiting = patience.Patience(timeout)
  while not line.endswith(b'\n'):
    if not select.select([pipe], [], [], _LOOK_SECONDS)[0]:
      if waiting.is_over():
        return b'', True
      continue
    # Past the buffer, which `select` does not see.
    byte = os.read(pipe.fileno(), 1)
    if not byte:
      return b'', False
    line += byte
  return line, False


def _ending(code: int) -> str:
  if code < 0:
    return f'killed by {signal.Signals(-code).name}'
  return f'ended with code {code}'


def _last_line(log: IO[bytes]) -> str:
  log.seek(0)
  lines = log.read().decode(errors='replace').strip().splitlines()
  return lines[-1] if lines else 'no message'


def _end(process: subprocess.Popen) -> None:
  """Ends a child and whatever it has started."""
  family = []
  if process.poll() is None:
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
  process.wait()
  # The group holds what outlived its parent, the list what left the group.
  with contextlib.suppress(ProcessLookupError):
    os.killpg(process.pid, signal.SIGKILL)
  for member in family:
    with contextlib.suppress(psutil.NoSuchProcess):
      member.kill()
