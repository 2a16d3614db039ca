"""Who watches, and what each of them has yet to see.

Of frames and of news only the newest is kept. A viewer is sent it when it has
shown all but one of the frames it was sent before, so that none ever lags
behind the game by more than two: a slow one sees fewer frames.
"""

import asyncio
import collections
import json
import threading
from typing import Any

from aiohttp import web

_UNSHOWN = 2


class Audience:
  """All viewers; its methods belong to the event loop's thread.

  Attributes:
    watched: set while there are viewers; for the player's thread.
  """

  def __init__(self, facts: dict[str, Any]):
    """Nobody watches yet.

    Args:
      facts: what viewers are told when they come, fit for JSON.
    """
    self.watched = threading.Event()
    self._facts = facts
    self._frame: bytes | None = None
    self._frames = self._news = 0
    self._viewers: set[_Viewer] = set()

  def show(self, frame: bytes) -> None:
    """Shows all viewers a message of `shots.encode`."""
    self._frame = frame
    self._frames += 1
    self._wake()

  def tell(self, news: dict[str, Any]) -> None:
    """Tells all viewers, and those to come, what has changed."""
    self._facts = {**self._facts, **news}
    self._news += 1
    self._wake()

  async def attend(self, socket: web.WebSocketResponse) -> None:
    """Serves one viewer until it goes.

    It sends the numbers of the frames it has shown, as text; each frame's
    number goes before it, in 4 bytes.
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
      # Whatever comes while this sends leaves the event set.
      await viewer.wake.wait()
      viewer.wake.clear()

  def _wake(self) -> None:
    for viewer in self._viewers:
      viewer.wake.set()


class _Viewer:
  """What one of them has been sent, and has shown."""

  def __init__(self, newest: int):
    self.sent = newest
    self.unshown: collections.deque[int] = collections.deque()
    self.wake = asyncio.Event()

  def has_shown(self, number: int) -> None:
    while self.unshown and self.unshown[0] <= number:
      self.unshown.popleft()
    self.wake.set()
