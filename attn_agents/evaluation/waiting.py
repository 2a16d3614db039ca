"""Says what an evaluation waits for, now and then.

Some agents never end a game, and play it in silence until the cap cuts it.
"""

import time
from collections.abc import Callable

from attn_agents.evaluation import episodes


class Reminder:
  """Says one line if so many seconds have passed since the last one."""

  def __init__(
    self,
    say: Callable[[str], None],
    describe: Callable[[episodes.Progress], str],
    seconds: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Says nothing in the first `seconds`.

    Args:
      say: called with each line.
      describe: one line about where an evaluation is.
      seconds: between two lines, at least.
      clock: seconds, never falling.
    """
    self._say, self._describe = say, describe
    self._seconds, self._clock = seconds, clock
    self._last = clock()

  def __call__(self, progress: episodes.Progress) -> None:
    """For `episodes.play`, at every row."""
    now = self._clock()
    if now - self._last >= self._seconds:
      self._last = now
      self._say(self._describe(progress))
