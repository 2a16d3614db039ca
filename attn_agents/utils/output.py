"""Output that nobody may be reading. Work does not depend on being watched."""

import contextlib
import os
import sys
from collections.abc import Iterator

from attn_agents.utils import disk

_STREAMS = ('stdout', 'stderr')


def ensure() -> None:
  """Puts /dev/null in place of a stdout or stderr that is closed (`>&-`)."""
  for name in _STREAMS:
    if getattr(sys, name) is None:
      _discard(name)


@contextlib.contextmanager
def may_be_lost() -> Iterator[None]:
  """Within, printing raises no OSError.

  A stream whose reader is gone (`| tee` dies of the same Ctrl-C) is replaced by
  /dev/null: what it still holds would make the process end with code 120.
  """
  try:
    yield
  except OSError:
    for name in _STREAMS:
      try:
        # It holds what could not be written, so it fails again.
        getattr(sys, name).flush()
      except OSError as error:
        # Whoever makes room lets the next line be written.
        if error.errno not in disk.FULL:
          _discard(name)


def say(line: str) -> None:
  """Prints one line, if anybody is there to read it."""
  with may_be_lost():
    print(line, flush=True)


def _discard(name: str) -> None:
  null = open(os.devnull, 'w', errors='replace')  # noqa: SIM115
  setattr(sys, name, null)
