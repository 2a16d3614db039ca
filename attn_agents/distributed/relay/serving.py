"""Accepts connections, each in a thread of its own, and no more than it may."""

import collections
import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from attn_agents.distributed.relay import ends

# Between two looks at whether to stop.
_LOOK_SECONDS = 0.5
# Between two lines on what is refused: strangers must not fill the disk.
_TELL_SECONDS = 10.0


class Limits(NamedTuple):
  """How much strangers and lost peers can take.

  Attributes:
    connections: carried at a time; more are refused.
    handshakes: that have not ended; of more, the oldest is given up.
    handshake_seconds: that one may take, and a connection to a service.
    lost_seconds: after which a host that does not answer is given up.
  """

  connections: int = 512
  handshakes: int = 64
  handshake_seconds: float = 10.0
  lost_seconds: float = 40.0

  @property
  def look_seconds(self) -> float:
    """How often a silent host is looked at."""
    return self.lost_seconds / 8


class Teller:
  """Prints what was refused, and of much a part and how much it was."""

  def __init__(self) -> None:
    """Has told nothing."""
    self._lock = threading.Lock()
    self._last, self._untold = -_TELL_SECONDS, 0

  def __call__(self, line: str) -> None:
    """Prints a line, unless one was printed a short time ago."""
    with self._lock:
      now = time.monotonic()
      if now - self._last < _TELL_SECONDS:
        self._untold += 1
        return
      before = f' ({self._untold} more before)' if self._untold else ''
      self._last, self._untold = now, 0
    print(f'{time.strftime("%H:%M:%S")} {line}{before}')


class Visitors:
  """The connections there are: those that are known, and those that are not."""

  def __init__(
    self, limits: Limits, tell: Callable[[str], None], *, of_hosts: bool
  ):
    """There are none yet.

    Args:
      limits: how many there may be.
      tell: gets a line on each that is refused.
      of_hosts: whether they come from other hosts, and not from this one.
    """
    self._of_hosts = of_hosts
    self._limits, self._tell = limits, tell
    self._lock = threading.Lock()
    self._unknown: collections.OrderedDict[int, socket.socket] = (
      collections.OrderedDict()
    )
    self._known: collections.Counter[str] = collections.Counter()

  def arrives(self, visitor: socket.socket) -> bool:
    """Counts one that has not said who it is; False if there is no room."""
    with self._lock:
      if self._known.total() >= self._limits.connections:
        self._tell(f'refused: {self._limits.connections} connections already')
        return False
      if len(self._unknown) >= self._limits.handshakes:
        _, oldest = self._unknown.popitem(last=False)
        self._tell(f'gave up the oldest of {len(self._unknown) + 1} handshakes')
        # Its own thread sees that and closes it.
        with contextlib.suppress(OSError):
          oldest.shutdown(socket.SHUT_RDWR)
      self._unknown[id(visitor)] = visitor
      return True

  def is_known(self, visitor: socket.socket, host: str) -> bool:
    """Counts one as of `host` from here on; False if there is no room."""
    with self._lock:
      self._unknown.pop(id(visitor), None)
      if self._known.total() >= self._limits.connections:
        return False
      self._known[host] += 1
      return True

  def leaves(self, visitor: socket.socket, host: str) -> None:
    """Counts one no more; `host` is '' if it never was known."""
    with self._lock:
      self._unknown.pop(id(visitor), None)
      if host:
        self._known[host] -= 1
        # Also those at zero.
        self._known += collections.Counter()

  def hosts(self) -> dict[str, int]:
    """How many connections each host has."""
    with self._lock:
      return dict(self._known)

  def other_hosts(self) -> set[str]:
    """Which other hosts have any."""
    return set(self.hosts()) if self._of_hosts else set()


def accept(
  listeners: Mapping[socket.socket, Callable[[socket.socket], None]],
  should_stop: Callable[[], bool],
  look: Callable[[], None] = lambda: None,
) -> None:
  """Gives each connection to its listener's handler, in a thread of its own.

  Args:
    listeners: sockets that listen, and what handles a connection of theirs; it
      closes it.
    should_stop: asked twice a second.
    look: called as often.
  """
  poll = select.poll()
  handlers = {}
  for listener, handler in listeners.items():
    listener.setblocking(False)
    poll.register(listener, select.POLLIN)
    handlers[listener.fileno()] = (listener, handler)
  while not should_stop():
    for descriptor, _ in poll.poll(1000 * _LOOK_SECONDS):
      listener, handler = handlers[descriptor]
      try:
        visitor, _ = listener.accept()
      except OSError as error:
        # It went away again, or there are no descriptors left.
        if not isinstance(error, (BlockingIOError, ConnectionAbortedError)):
          print(f'not accepted: {error}')
          time.sleep(_LOOK_SECONDS)
        continue
      try:
        threading.Thread(
          target=_handle, args=(handler, visitor), daemon=True
        ).start()
      except RuntimeError as error:
        print(f'not accepted: {error}')
        ends.reset(visitor)
    look()


def _handle(
  handler: Callable[[socket.socket], None], visitor: socket.socket
) -> None:
  try:
    handler(visitor)
  finally:
    visitor.close()
