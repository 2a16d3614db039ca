"""The two ends of a carried connection: one in the clear, one in TLS 1.3.

Neither blocks. Both take and give whole pieces of a stream, so that `pump.py`
need not know which is which.
"""

import contextlib
import select
import socket
import ssl
import struct
import time
from typing import Protocol

# At once from the network, and what a piece of a stream may have.
PIECE_BYTES = 262_144
# Of TLS itself: no record holds more.
_RECORD_BYTES = 16_384
# For a peer that is refused to read why.
_FAREWELL_SECONDS = 1.0
# The first fields of Linux's `struct tcp_info`, up to the time of the last
# acknowledgement.
_TCP_INFO = '8B13I'
_RETRANSMITS, _PROBES, _LAST_ACK_MS = 2, 3, 20


class TruncatedError(ConnectionError):
  """A stream ended without its peer's saying so: part of it may be missing."""


class End(Protocol):
  """One end of a connection."""

  socket: socket.socket

  def receive(self, buffer: memoryview) -> int | None:
    """Reads what there is; 0 at the end of the stream, None if nothing yet."""

  def send(self, data: memoryview) -> None:
    """Takes all of `data`, which may change once `flush` is True."""

  def flush(self) -> bool:
    """Whether the system has all that was taken."""

  def finish(self) -> None:
    """Ends the stream to the peer, which may go on sending."""


class Plain:
  """A Unix socket, or TCP within one host."""

  def __init__(self, plain: socket.socket):
    """Makes the socket one that does not block."""
    plain.setblocking(False)
    self.socket = plain
    self._left = memoryview(b'')

  def receive(self, buffer: memoryview) -> int | None:
    """See `End`."""
    try:
      return self.socket.recv_into(buffer)
    except BlockingIOError:
      return None

  def send(self, data: memoryview) -> None:
    """See `End`."""
    self._left = data
    self.flush()

  def flush(self) -> bool:
    """See `End`."""
    self._left = _send_some(self.socket, self._left)
    return not self._left

  def finish(self) -> None:
    """See `End`."""
    self.socket.shutdown(socket.SHUT_WR)


class Encrypted:
  """TLS over TCP, after `handshake`."""

  def __init__(self, raw: socket.socket, context: ssl.SSLContext):
    """Sends nothing yet; makes the socket one that does not block."""
    raw.setblocking(False)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    self.socket = raw
    self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
    answers = context.protocol == ssl.PROTOCOL_TLS_SERVER
    self._tls = context.wrap_bio(self._in, self._out, server_side=answers)
    self._wire = memoryview(bytearray(PIECE_BYTES))
    self._left = memoryview(b'')
    self._finished, self._silent = False, False

  def handshake(self, seconds: float) -> str:
    """Lets both sides prove that they are of one run.

    Under TLS 1.3 the client's side ends before the server has looked at its
    certificate: the client is told by an error of its first `receive`.

    Args:
      seconds: for all of it, however slowly the peer sends.

    Returns:
      The service that both agreed on, '' if none.

    Raises:
      ssl.SSLError: one side refuses the other; the peer has been told.
      TimeoutError: not in time.
      OSError: the peer is gone.
    """
    end = time.monotonic() + seconds
    while True:
      try:
        self._tls.do_handshake()
      except ssl.SSLWantReadError:
        self._flush_until(end)
        self._receive_until(end)
      except ssl.SSLError:
        with contextlib.suppress(OSError):
          self._tell_why(end)
        raise
      else:
        self._flush_until(end)
        return self._tls.selected_alpn_protocol() or ''

  def say(self, text: bytes, seconds: float) -> None:
    """Sends a text, and ends the stream.

    Args:
      text: whatever there is to say.
      seconds: for the peer to take it.

    Raises:
      TimeoutError: not in time.
      OSError: the peer is gone.
    """
    self._tls.write(text)
    self._flush_until(time.monotonic() + seconds, 'what it asked for')
    self.finish()

  def receive(self, buffer: memoryview) -> int | None:
    """See `End`.

    Args:
      buffer: of at least 16 KiB.

    Raises:
      TruncatedError: the connection ended in the middle of the stream.
      ssl.SSLError: the peer refuses us, or what came is not its.
    """
    size = 0
    while size <= len(buffer) - _RECORD_BYTES:
      try:
        got = self._tls.read(_RECORD_BYTES, buffer[size:])
      except ssl.SSLZeroReturnError:
        return size
      except ssl.SSLWantReadError:
        # What has arrived goes on first: the network is quicker than we are.
        if size:
          return size
        if not self._receive_some():
          return None
      else:
        if not got:
          return size
        size += int(got)
    return size

  def send(self, data: memoryview) -> None:
    """See `End`."""
    while data:
      data = data[self._tls.write(data) :]
    self._left = memoryview(self._out.read())
    self.flush()

  def flush(self) -> bool:
    """See `End`."""
    self._left = _send_some(self.socket, self._left)
    if self._left:
      return False
    if self._finished:
      with contextlib.suppress(OSError):
        self.socket.shutdown(socket.SHUT_WR)
      self._finished = False
    return True

  def finish(self) -> None:
    """See `End`."""
    # It also looks for the peer's end, which has its own time. What is not read
    # yet is put aside: OpenSSL breaks off if it meets the peer's data there.
    unread = self._in.read()
    with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
      self._tls.unwrap()
    self._in.write(unread)
    self._left = memoryview(self._out.read())
    self._finished = True
    self.flush()

  def is_lost(self, seconds: float) -> bool:
    """Whether the peer's host has not answered for so long.

    A peer that lives and has no room answers, and is waited for. So the
    system's own time-out (TCP_USER_TIMEOUT) does not do: it ends those, too.
    Asked now and then, since one question is open for a moment anyway.
    """
    size = struct.calcsize(_TCP_INFO)
    facts = struct.unpack(
      _TCP_INFO,
      self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size),
    )
    silent = facts[_LAST_ACK_MS] > 1000 * seconds and bool(
      facts[_RETRANSMITS] or facts[_PROBES]
    )
    was_silent, self._silent = self._silent, silent
    return silent and was_silent

  def _receive_some(self) -> bool:
    """Takes encrypted bytes from the network; False if there are none yet."""
    try:
      size = self.socket.recv_into(self._wire)
    except BlockingIOError:
      return False
    if not size:
      raise TruncatedError('the connection ended in the middle')
    self._in.write(self._wire[:size])
    return True

  def _receive_until(self, end: float) -> None:
    while not self._receive_some():
      if not _is_there(self.socket, select.POLLIN, end):
        raise TimeoutError('the handshake did not end in time')

  def _tell_why(self, end: float) -> None:
    """Sends the reason of a refusal, and waits until the peer has it.

    A peer that has sent more than was read would lose the reason when the
    connection closes.
    """
    self._flush_until(end)
    self.socket.shutdown(socket.SHUT_WR)
    end = min(end, time.monotonic() + _FAREWELL_SECONDS)
    while _is_there(self.socket, select.POLLIN, end):
      # Kept nowhere, however much it is.
      if not self.socket.recv_into(self._wire):
        return

  def _flush_until(self, end: float, what: str = 'the handshake') -> None:
    left = memoryview(self._out.read())
    while left := _send_some(self.socket, left):
      if not _is_there(self.socket, select.POLLOUT, end):
        raise TimeoutError(f'{what} did not end in time')


def keep_alive(raw: socket.socket, seconds: float) -> None:
  """Ends a silent connection when the peer's host has been gone so long."""
  interval = max(1, round(seconds / 4))
  for option, value in (
    (socket.TCP_KEEPIDLE, interval),
    (socket.TCP_KEEPINTVL, interval),
    (socket.TCP_KEEPCNT, 3),
  ):
    raw.setsockopt(socket.IPPROTO_TCP, option, value)
  raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def reset(end: socket.socket) -> None:
  """Closes a connection so that its peer sees an error, not an end.

  A Unix socket has no such error: its peer sees an end, in whatever is in the
  middle.
  """
  with contextlib.suppress(OSError):
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
  end.close()


def _send_some(target: socket.socket, data: memoryview) -> memoryview:
  """Sends what the system takes at once; returns the rest."""
  while data:
    try:
      data = data[target.send(data) :]
    except BlockingIOError:
      break
  return data


def _is_there(target: socket.socket, event: int, end: float) -> bool:
  """Waits for room or for bytes; False if it is too late."""
  poll = select.poll()
  poll.register(target, event)
  left = end - time.monotonic()
  return left > 0 and bool(poll.poll(1000 * left))
