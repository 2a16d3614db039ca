"""A plugin of coverage: saves what was seen every few seconds.

Tests kill processes, which then have no end at which they could save.
"""

import contextlib
import threading
import time
from typing import Any

import coverage

_SECONDS = 3.0


def coverage_init(registry: Any, options: Any) -> None:
  """Called by coverage as it starts in a process."""
  del registry, options
  threading.Thread(target=_flush, daemon=True).start()


def _flush() -> None:
  while True:
    time.sleep(_SECONDS)
    measured = coverage.Coverage.current()
    if measured is not None:
      # Whatever fails in here is no finding about the process.
      with contextlib.suppress(Exception):
        measured.save()
