"""Who is counted and refused, and what is said of it."""

import errno
import select
import threading
import types

import pytest

from attn_agents.distributed.relay import serving


def test_limits_are_what_the_documents_say():
  """`docs/security.md`: 'what strangers can take', 'a host that vanishes'."""
  limits = serving.Limits()
  assert (limits.handshakes, limits.handshake_seconds) == (64, 10)
  assert (limits.connections, limits.lost_seconds) == (512, 40)
  # A silence counts if two looks see it.
  assert limits.look_seconds == 5


def test_of_many_refusals_a_part_is_told(monkeypatch, capsys):
  now = [0.0]
  monkeypatch.setattr(serving.time, 'monotonic', lambda: now[0])
  monkeypatch.setattr(serving.time, 'strftime', lambda pattern: '12:00:00')
  tell = serving.Teller()
  for when, line in (
    (0.0, 'a'), (0.1, 'b'), (9.9, 'c'), (10.0, 'd'), (19.9, 'e'), (30.0, 'f'),
    (40.0, 'g'),
  ):  # fmt: skip
    now[0] = when
    tell(line)
  assert capsys.readouterr().out.splitlines() == [
    '12:00:00 a',
    '12:00:00 d (2 more before)',
    '12:00:00 f (1 more before)',
    '12:00:00 g',
  ]


class _Visitor:
  """A connection that notes how it ends."""

  def __init__(self):
    self.ended = []

  def shutdown(self, how):
    self.ended.append(how)

  def setsockopt(self, *option):
    self.ended.append('reset')

  def close(self):
    self.ended.append('closed')


def _visitors(connections=2, handshakes=2, of_hosts=True):
  told = []
  limits = serving.Limits(connections, handshakes)
  return serving.Visitors(limits, told.append, of_hosts=of_hosts), told


def test_visitors_are_counted_from_their_arrival_to_their_end():
  visitors, told = _visitors()
  a, b, c, d, e = (_Visitor() for _ in range(5))
  assert visitors.arrives(a)
  assert visitors.arrives(b)
  # Who has not said who it is makes room for who comes.
  assert visitors.arrives(c)
  assert told == ['gave up the oldest of 2 handshakes']
  assert (a.ended, b.ended) == ([serving.socket.SHUT_RDWR], [])
  visitors.leaves(a, '')
  assert visitors.is_known(b, 'host')
  # One who is known takes no room of those who are not.
  assert visitors.arrives(d)
  assert len(told) == 1
  assert visitors.is_known(c, 'host')
  assert visitors.hosts() == {'host': 2}
  assert visitors.other_hosts() == {'host'}
  assert visitors.arrives(e) is False
  assert told[1:] == ['refused: 2 connections already']
  assert visitors.is_known(d, 'another') is False
  visitors.leaves(d, '')
  visitors.leaves(b, 'host')
  assert visitors.hosts() == {'host': 1}
  visitors.leaves(c, 'host')
  assert (visitors.hosts(), visitors.other_hosts()) == ({}, set())
  # Nobody is counted who has left.
  assert visitors.arrives(d)
  assert visitors.arrives(e)
  assert len(told) == 2
  visitors.leaves(d, '')
  assert visitors.arrives(d)
  assert len(told) == 2


def test_visitors_of_this_host_are_no_other_hosts():
  visitors, _ = _visitors(of_hosts=False)
  assert visitors.is_known(_Visitor(), 'queue')
  assert (visitors.hosts(), visitors.other_hosts()) == ({'queue': 1}, set())


class _Listener:
  """Accepts as the test says."""

  def __init__(self, descriptor, *accepted):
    self._descriptor, self._accepted = descriptor, list(accepted)
    self.blocks = True

  def fileno(self):
    return self._descriptor

  def setblocking(self, blocks):
    self.blocks = blocks

  def accept(self):
    accepted = self._accepted.pop(0)
    if isinstance(accepted, Exception):
      raise accepted
    return accepted, 'address'


class _Thread:
  """Runs at once; more than three cannot start."""

  made = 0

  def __init__(self, target, args, daemon):
    # It must not hold the end of the process up.
    assert daemon
    self._run = lambda: target(*args)

  def start(self):
    _Thread.made += 1
    if _Thread.made > 3:
      raise RuntimeError("can't start new thread")
    self._run()


def test_what_is_not_accepted_is_told_and_the_next_one_is(monkeypatch, capsys):
  visitors = [_Visitor() for _ in range(4)]
  full = OSError(errno.EMFILE, 'Too many open files')
  first = _Listener(
    7, visitors[0], BlockingIOError(), ConnectionAbortedError(), full,
    visitors[1],
  )  # fmt: skip
  second = _Listener(8, full, visitors[2], visitors[3])
  both, none = [(7, 1), (8, 1)], []
  turns = [[(7, 1)], none, [(7, 1)], [(7, 1)], both, both, [(8, 1)]]
  registered, waits, slept, handled, looks = {}, [], [], [], []

  def poll(milliseconds):
    waits.append(milliseconds)
    return turns[len(waits) - 1]

  made = types.SimpleNamespace(
    register=lambda *args: registered.update([args]), poll=poll
  )
  monkeypatch.setattr(
    serving, 'select',
    types.SimpleNamespace(poll=lambda: made, POLLIN=select.POLLIN),
  )  # fmt: skip
  monkeypatch.setattr(serving.time, 'sleep', slept.append)
  monkeypatch.setattr(_Thread, 'made', 0)
  monkeypatch.setattr(
    serving, 'threading',
    types.SimpleNamespace(Thread=_Thread, Lock=threading.Lock),
  )  # fmt: skip

  def handler(name):
    return lambda visitor: handled.append((name, visitor, list(visitor.ended)))

  serving.accept(
    {first: handler('first'), second: handler('second')},
    lambda: len(waits) == len(turns),
    lambda: looks.append(None),
  )
  assert registered == {first: select.POLLIN, second: select.POLLIN}
  assert not first.blocks and not second.blocks
  # Twice a second, as often as it looks.
  assert (waits, len(looks)) == ([500.0] * 7, 7)
  assert handled == [
    ('first', visitors[0], []),
    ('first', visitors[1], []),
    ('second', visitors[2], []),
  ]
  assert [v.ended for v in visitors] == [
    ['closed'], ['closed'], ['closed'], ['reset', 'closed'],
  ]  # fmt: skip
  # Who went away again is nothing to tell of.
  assert slept == [0.5, 0.5]
  assert capsys.readouterr().out.splitlines() == [
    'not accepted: [Errno 24] Too many open files',
    'not accepted: [Errno 24] Too many open files',
    "not accepted: can't start new thread",
  ]


def test_a_handler_that_fails_leaves_no_connection():
  visitor = _Visitor()

  def fail(visitor):
    raise ValueError('no more')

  with pytest.raises(ValueError, match='no more'):
    serving._handle(fail, visitor)
  assert visitor.ended == ['closed']
