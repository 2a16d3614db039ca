"""What the two ends ask of the system, and how long they wait for it."""

import select
import socket
import ssl
import struct
import types

import pytest

from attn_agents.distributed.relay import ends
from tests.distributed.relay import both_ends

_IN, _OUT = select.POLLIN, select.POLLOUT
# Starts as a record of TLS does, and is none.
_NO_HELLO = b'\x16\x03\x01\x00\x05hello'


class _Socket:
  """Takes and gives as the test says: None is nothing, for now."""

  def __init__(self, takes=(), gives=()):
    self.takes, self.gives = list(takes), list(gives)
    self.sent, self.options, self.ended = b'', {}, []

  def setblocking(self, blocks):
    self.options['blocks'] = blocks

  def setsockopt(self, level, option, value):
    self.options[level, option] = value

  def send(self, data):
    size = self.takes.pop(0) if self.takes else len(data)
    if size is None:
      raise BlockingIOError
    self.sent += bytes(data[:size])
    return min(size, len(data))

  def recv_into(self, buffer):
    piece = self.gives.pop(0)
    if piece is None:
      raise BlockingIOError
    buffer[: len(piece)] = piece
    return len(piece)

  def shutdown(self, how):
    self.ended.append(how)

  def close(self):
    self.ended.append('closed')


def _clock(monkeypatch, *passes):
  """Notes all waits; `passes`: after how long something is there, or never."""
  now, passes, waits = [100.0], list(passes), []

  class Poll:
    def register(self, target, event):
      self.event = event

    def poll(self, milliseconds):
      waits.append((self.event, milliseconds))
      after = passes.pop(0)
      now[0] += milliseconds / 1000 if after is None else after
      return [] if after is None else ['event']

  monkeypatch.setattr(
    ends, 'select', types.SimpleNamespace(poll=Poll, POLLIN=_IN, POLLOUT=_OUT)
  )
  monkeypatch.setattr(
    ends, 'time', types.SimpleNamespace(monotonic=lambda: now[0])
  )
  return waits


def _context():
  return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def test_what_finds_no_room_is_sent_when_there_is_some():
  plain = _Socket([3, None, 2, 4, None])
  end = ends.Plain(plain)
  assert plain.options == {'blocks': False}
  assert end.flush() is True
  end.send(memoryview(b'from here'))
  assert plain.sent == b'fro'
  assert end.flush() is True
  assert plain.sent == b'from here'
  end.send(memoryview(b'!'))
  assert end.flush() is True
  assert (plain.sent, plain.takes) == (b'from here!', [])
  end.finish()
  assert plain.ended == [socket.SHUT_WR]


def test_what_is_encrypted_goes_without_delay():
  raw = _Socket()
  ends.Encrypted(raw, _context())
  assert raw.options == {
    'blocks': False, (socket.IPPROTO_TCP, socket.TCP_NODELAY): 1,
  }  # fmt: skip


@pytest.mark.parametrize(
  ('passes', 'waits'),
  [
    ([None], [3000]),
    # However slowly the peer sends.
    ([1.0, 1.5, None], [3000, 2000, 500]),
    ([1.0, 2.0], [3000, 2000]),
  ],
)
def test_a_handshake_has_a_time_for_all_of_it(monkeypatch, passes, waits):
  waited = _clock(monkeypatch, *passes)
  gives = [None, _NO_HELLO[:1], *[None] * 9]
  end = ends.Encrypted(_Socket(gives=gives), _context())
  with pytest.raises(TimeoutError, match='the handshake did not end in time'):
    end.handshake(3.0)
  assert waited == [(_IN, wait) for wait in waits]


@pytest.mark.parametrize(
  ('seconds', 'passes', 'waits'),
  [
    # It has read the reason, and goes.
    (10.0, [0.0, 0.25], [1000, 1000]),
    # It goes on sending.
    (10.0, [0.25, 0.25, 0.5], [1000, 750, 500]),
    # It does nothing.
    (10.0, [None], [1000]),
    # No time is left of the handshake's own.
    (0.5, [None], [500]),
  ],
)
def test_who_is_refused_can_read_why(monkeypatch, seconds, passes, waits):
  waited = _clock(monkeypatch, *passes)
  raw = _Socket(gives=[_NO_HELLO, *[bytes(100_000)] * (len(passes) - 1), b''])
  end = ends.Encrypted(raw, _context())
  with pytest.raises(ssl.SSLError):
    end.handshake(seconds)
  # An alert, and the end of what this side has to say.
  assert raw.sent[:1] == b'\x15'
  assert raw.ended == [socket.SHUT_WR]
  assert waited == [(_IN, wait) for wait in waits]


def test_words_that_nobody_takes_are_not_waited_for_long(tmp_path, monkeypatch):
  with both_ends.two_encrypted(tmp_path) as (_, end):
    waited = _clock(monkeypatch, 1.0, None)
    real, end.socket = end.socket, _Socket([3, None, None])
    try:
      with pytest.raises(TimeoutError, match='what it asked for did not end'):
        end.say(b'facts', 3.0)
    finally:
      end.socket = real
  assert waited == [(_OUT, 3000), (_OUT, 2000)]


def test_an_end_is_sent_after_all_else_and_once(tmp_path):
  with both_ends.two_encrypted(tmp_path) as (sender, receiver):
    piece = memoryview(bytearray(16_385))
    sender.send(memoryview(b'x' * 20_000))
    # Whole records, which are all that OpenSSL gives at once.
    poll = select.poll()
    poll.register(receiver.socket, _IN)
    while (size := receiver.receive(piece)) is None:
      assert poll.poll(10_000)
    assert size == 16_384
    real, full = sender.socket, _Socket([1, None, None])
    sender.socket = full
    sender.finish()
    assert sender.flush() is False
    assert (len(full.sent), full.ended) == (1, [])
    assert sender.flush() is True
    assert sender.flush() is True
    # The farewell of TLS, and one of TCP.
    assert len(full.sent) > 1
    assert full.ended == [socket.SHUT_WR]
    sender.socket = real


@pytest.mark.parametrize(
  ('lost', 'interval'), [(40.0, 10), (8.0, 2), (2.0, 1), (1.0, 1)]
)
def test_a_silent_host_is_asked_until_it_is_lost(lost, interval):
  raw = _Socket()
  ends.keep_alive(raw, lost)
  assert raw.options == {
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    # A silence of one interval, and three questions, one after each.
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): interval,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): interval,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 3,
  }


def _facts(retransmits, probes, last_ack_ms):
  """Linux's tcp_info; fields that should not matter would change the answer."""
  silent = 10**9 * (not (retransmits or probes))
  return struct.pack('8B13I', 1, 9, retransmits, probes, 9, 9, 9, 9,
                     *[9] * 11, silent, last_ack_ms)  # fmt: skip


@pytest.mark.parametrize('asked', [(1, 0), (0, 1)])
def test_a_host_is_lost_if_two_looks_find_it_silent(asked):
  raw = _Socket()
  end = ends.Encrypted(raw, _context())
  told = []

  def look(*facts):
    def getsockopt(level, option, size):
      told.append((level, option))
      return _facts(*facts)[:size]

    raw.getsockopt = getsockopt
    return end.is_lost(40.0)

  # One question is open for a moment anyway.
  assert look(*asked, 40_001) is False
  assert look(*asked, 40_000) is False
  assert look(*asked, 40_001) is False
  # Nobody has asked it.
  assert look(0, 0, 90_000) is False
  assert look(*asked, 40_001) is False
  assert look(*asked, 40_001) is True
  assert set(told) == {(socket.IPPROTO_TCP, socket.TCP_INFO)}


def test_a_reset_drops_what_is_not_sent_and_closes():
  end = _Socket()
  ends.reset(end)
  linger = end.options[socket.SOL_SOCKET, socket.SO_LINGER]
  # For no time.
  assert struct.unpack('ii', linger) == (1, 0)
  assert end.ended == ['closed']
