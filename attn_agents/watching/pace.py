"""Shows rows at a steady pace while there are viewers."""

import threading
import time
from collections.abc import Callable, Iterator

from attn_agents.watching import shots

# A stall is caught up with up to this long; the rest of it is lost.
_CATCH_UP_SECONDS = 0.25


def show_rows(
  rows: Iterator[shots.Shot],
  rows_per_second: float,
  show: Callable[[bytes], None],
  watched: threading.Event,
  stop: threading.Event,
  ready: Callable[[], None] = lambda: None,
) -> None:
  """Encodes and shows rows one by one until `stop` is set.

  Args:
    rows: from `games.play`.
    rows_per_second: the pace; slower if the machine cannot keep it.
    show: called with the message of a row when it is due.
    watched: the game pauses while this is not set.
    stop: ends it.
    ready: called once, after the first row has been played.
  """
  due: float | None = None
  for shot in rows:
    message = shots.encode(shot)
    if due is None:
      ready()
    if due is None or not watched.is_set():
      while not watched.wait(0.1):
        if stop.is_set():
          return
      due = time.monotonic()
    if stop.wait(max(0.0, due - time.monotonic())):
      return
    show(message)
    due = max(due + 1.0 / rows_per_second, time.monotonic() - _CATCH_UP_SECONDS)
