"""The viewers of the live page, and what each of them is sent.

Only the newest frame and the newest facts are kept. A viewer is sent the newest
frame once it has shown all but one of the earlier ones. So no viewer is more
than two frames behind the game, and a slow one sees fewer frames.
"""

import asyncio
import collections
import json
import threading
from typing import Any

from aiohttp import web

_UNSHOWN = 2


class Audience:
  """All viewers. Call its methods in the event loop's thread.

  Attributes:
    watched: set while there are viewers; the player's thread reads it.
  """

  def __init__(self, facts: dict[str, Any]):
    """Starts without viewers.

    Args:
      facts: what a new viewer is told, fit for JSON.
    """
    self.watched = threading.Event()
    self._facts = facts
    self._frame: bytes | None = None
    self._frames = self._news = 0
    self._viewers: set[_Viewer] = set()

  def show(self, frame: bytes) -> None:
    """Sends a message of `shots.encode` to all viewers."""
    self._frame = frame
    self._frames += 1
    self._wake()

  def tell(self, news: dict[str, Any]) -> None:
    """Sends changed facts to all viewers, present and future."""
    self._facts = {**self._facts, **news}
    self._news += 1
    self._wake()

  async def attend(self, socket: web.WebSocketResponse) -> None:
    """Serves one viewer until it disconnects.

    Each frame is sent with its number in 4 bytes before it. The viewer answers
    with the number, as text, once it has shown the frame.
    """
    viewer = _Viewer(self._frames)
    self._viewers.add(viewer)
    self.watched.set()
    sending = asyncio.create_task(self._send(viewer, socket))
    try:
      async for message in socket:
        viewer.has_shown(int(message.data))
    except ValueError:
      await socket.close(message=b'expected the number of a frame')
    finally:
      self._viewers.discard(viewer)
      if not self._viewers:
        self.watched.clear()
      sending.cancel()
      await asyncio.gather(sending, return_exceptions=True)

  async def _send(
    self, viewer: '_Viewer', socket: web.WebSocketResponse
  ) -> None:
    told = -1
    while True:
      if told != self._news:
        told = self._news
        await socket.send_str(json.dumps(self._facts))
      if viewer.sent < self._frames and len(viewer.unshown) < _UNSHOWN:
        viewer.sent = self._frames
        viewer.unshown.append(self._frames)
        assert self._frame is not None
        number = self._frames.to_bytes(4, 'little')
        await socket.send_bytes(number + self._frame)
      # The event stays set if anything arrives while this sends.
      await viewer.wake.wait()
      viewer.wake.clear()

  def _wake(self) -> None:
    for viewer in self._viewers:
      viewer.wake.set()


class _Viewer:
  """What one viewer has been sent and has shown."""

  def __init__(self, newest: int):
    self.sent = newest
    self.unshown: collections.deque[int] = collections.deque()
    self.wake = asyncio.Event()

  def has_shown(self, number: int) -> None:
    while self.unshown and self.unshown[0] <= number:
      self.unshown.popleft()
    self.wake.set()
