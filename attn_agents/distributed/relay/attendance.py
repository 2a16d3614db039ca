"""Which actor hosts are there, in words for the learner host's terminal."""

import time
from collections.abc import Callable, Collection

# An actor that is started again has no connection for a moment.
_GONE_SECONDS = 5.0
_MOST_NAMED = 4


class Attendance:
  """Who has joined, left and come back."""

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    """Nobody is there yet.

    Args:
      clock: in seconds.
    """
    self._clock = clock
    self._seen: dict[str, float] = {}
    # The newest change is the last.
    self._news: dict[str, str] = {}

  def see(self, hosts: Collection[str]) -> None:
    """Takes in which hosts have connections now."""
    now = self._clock()
    for host in hosts:
      if host not in self._seen:
        self._tell(host, 'came back' if host in self._news else 'joined')
      self._seen[host] = now
    for host, when in list(self._seen.items()):
      if now - when > _GONE_SECONDS:
        del self._seen[host]
        self._tell(host, 'left')

  def describe(self) -> str:
    """The newest changes, newest first; '' if nobody ever came."""
    if not self._news:
      return ''
    newest = list(reversed(self._news.items()))
    listed = ', '.join(f'{host} {what}' for host, what in newest[:_MOST_NAMED])
    more = len(newest) - _MOST_NAMED
    if more > 0:
      listed += f', and {more} before'
    return f'for actor hosts: {listed}; {len(self._seen)} there'

  def _tell(self, host: str, what: str) -> None:
    self._news.pop(host, None)
    self._news[host] = what
