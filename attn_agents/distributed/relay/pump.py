"""Moves bytes both ways between the two ends of a connection."""

import contextlib
import select
from collections.abc import Callable

from attn_agents.distributed.relay import ends


class LostPeerError(ConnectionError):
  """The peer's host does not answer."""


class _Way:
  """One direction. It reads no further before all that it read is written."""

  def __init__(self, source: ends.End, target: ends.End):
    self.source, self.target = source, target
    self.ended = False
    self._buffer = memoryview(bytearray(ends.PIECE_BYTES))

  def move(self) -> bool:
    """Moves one piece, if there is one and room for it; whether it did."""
    if self.ended or not self.target.flush():
      return False
    size = self.source.receive(self._buffer)
    if size is None:
      return False
    if size:
      self.target.send(self._buffer[:size])
    else:
      self.ended = True
      self.target.finish()
    return True


def run(
  first: ends.End,
  second: ends.End,
  is_lost: Callable[[], bool] = lambda: False,
  look_seconds: float = 60.0,
) -> None:
  """Moves bytes until both directions have ended.

  Args:
    first: one end.
    second: the other.
    is_lost: asked while nothing moves; True gives the connection up.
    look_seconds: how often it is asked.

  Raises:
    LostPeerError: because of `is_lost`.
    OSError: one end broke off; `ssl.SSLError` is one, too.
  """
  forth, back = _Way(first, second), _Way(second, first)
  poll = select.poll()
  # Both tried, whatever the first does: neither direction waits for the other.
  while True:
    moved = [forth.move(), back.move()]
    if any(moved):
      continue
    waits = False
    for end, out, into in ((first, forth, back), (second, back, forth)):
      events = 0
      if not out.ended and out.target.flush():
        events |= select.POLLIN
      if not into.target.flush():
        events |= select.POLLOUT
      if events:
        waits = True
        poll.register(end.socket, events)
      else:
        # Its errors would be told again and again, and come up when it is used.
        with contextlib.suppress(KeyError):
          poll.unregister(end.socket)
    if not waits:
      return
    if not poll.poll(1000 * look_seconds) and is_lost():
      raise LostPeerError('its host does not answer')
