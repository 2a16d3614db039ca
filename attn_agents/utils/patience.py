"""How long to wait for something that this machine has to do.

A process that is stopped (SIGSTOP, a suspended batch job, the lid of a laptop)
finds afterwards that much time has passed, in which nothing could happen.
"""

import time

# Tests replace it.
_now = time.monotonic

# Between two looks, at most; a longer time is one in which the process stood.
_LONGEST_LOOK = 5.0
_FRESH_SECONDS = 10.0


class Patience:
  """Runs out after some seconds in which this process could run.

  Its owner looks several times a second. Of a longer time between two looks, at
  most five seconds count, or a quarter of the limit if that is less, but at
  least one. Afterwards there is some more time, since the others wake up too:
  ten seconds, or all there was if that is less. What counts is never more than
  twice the limit and one such look, however often the process is stopped. So
  if every look takes some seconds, it still runs out.
  """

  def __init__(self, seconds: float):
    """Begins now.

    Args:
      seconds: until it runs out.
    """
    self._fresh = min(seconds, _FRESH_SECONDS)
    self._longest = min(_LONGEST_LOOK, max(1.0, seconds / 4))
    self._end, self._latest_end = seconds, 2 * seconds + self._longest
    self._awake = 0.0
    self._looked_at = _now()
    self._stood = False

  def is_over(self) -> bool:
    """Looks: whether the time has run out."""
    now = _now()
    passed, self._looked_at = now - self._looked_at, now
    stood_before, self._stood = self._stood, passed > self._longest
    self._awake += min(passed, self._longest)
    # Where every look is long, the machine is slow and nobody was stopped.
    if self._stood and not stood_before:
      end = max(self._end, self._awake + self._fresh)
      self._end = min(end, self._latest_end)
    return self._awake > self._end
