"""A terminal of its own for a process that a test starts."""

import contextlib
import os
import pty
import sys
from collections.abc import Callable, Iterator

# The leader of a session gets the first terminal that it opens.
_ADOPT = """
import contextlib, os, sys
with contextlib.suppress(PermissionError):
  os.setsid()
os.open(sys.argv[1], os.O_RDWR)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@contextlib.contextmanager
def opened() -> Iterator[tuple[list[str], Callable[[], None]]]:
  """A command that becomes the one after it, and what presses Ctrl-C.

  The command after it is in the foreground of a new terminal. Its stdin, stdout
  and stderr stay as they are. It hears Ctrl-C, which background jobs, and so
  what they start, ignore.
  """
  ours, theirs = pty.openpty()
  name = os.ttyname(theirs)
  try:
    yield (
      ['env', '--default-signal=INT', sys.executable, '-c', _ADOPT, name],
      lambda: _press(ours),
    )
  finally:
    os.close(theirs)
    os.close(ours)


def _press(terminal: int) -> None:
  os.write(terminal, b'\x03')
