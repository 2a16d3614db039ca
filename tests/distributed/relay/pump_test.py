"""What the pump waits for, and when it gives a connection up."""

import select
import types

import pytest

from attn_agents.distributed.relay import pump

_IN, _OUT = select.POLLIN, select.POLLOUT


class _End:
  """Has what the test puts into it; `fills`: which pieces fill it."""

  def __init__(self, *fills):
    self.socket = self
    self.pieces, self.got, self.has_room, self.finished = [], b'', True, 0
    self._fills = list(fills)

  def receive(self, buffer):
    if not self.pieces:
      return None
    piece = self.pieces.pop(0)
    buffer[: len(piece)] = piece
    return len(piece)

  def send(self, data):
    self.got += bytes(data)
    self.has_room = not self._fills.pop(0)

  def flush(self):
    return self.has_room

  def finish(self):
    self.finished += 1


def _poll(monkeypatch, *looks):
  """Does what the test says at each look; notes for what it waits, how long."""
  ends, waits, looks = {}, [], list(looks)

  def poll(milliseconds):
    waits.append((dict(ends), milliseconds))
    return looks.pop(0)()

  made = types.SimpleNamespace(
    register=ends.__setitem__, unregister=ends.pop, poll=poll
  )
  monkeypatch.setattr(
    pump, 'select',
    types.SimpleNamespace(poll=lambda: made, POLLIN=_IN, POLLOUT=_OUT),
  )  # fmt: skip
  return waits


def test_it_waits_for_what_can_come_and_for_room(monkeypatch):
  first, second = _End(False), _End(True, False)

  def comes():
    first.pieces = [b'abc']
    return ['event']

  def has_room():
    first.pieces, second.has_room = [b'de', b''], True
    return ['event']

  def ends():
    second.pieces = [b'!', b'']
    return ['event']

  def lost():
    raise AssertionError('asked though something happens')

  waits = _poll(monkeypatch, comes, has_room, ends)
  pump.run(first, second, lost, 5.0)
  assert waits == [
    ({first: _IN, second: _IN}, 5000.0),
    # Who is ready is not told so again and again.
    ({second: _IN | _OUT}, 5000.0),
    ({second: _IN}, 5000.0),
  ]
  assert (second.got, first.got) == (b'abcde', b'!')
  assert (second.finished, first.finished) == (1, 1)


def test_it_asks_for_a_lost_peer_while_nothing_comes(monkeypatch):
  first, second = _End(), _End()
  answers = [False, True]
  silent = lambda: []  # noqa: E731
  waits = _poll(monkeypatch, lambda: ['event'], silent, silent)
  with pytest.raises(pump.LostPeerError):
    pump.run(first, second, lambda: answers.pop(0), 5.0)
  assert (len(waits), answers) == (3, [])


def test_who_cannot_be_lost_is_waited_for(monkeypatch):
  first, second = _End(), _End()

  def ends():
    first.pieces, second.pieces = [b''], [b'']
    return ['event']

  waits = _poll(monkeypatch, lambda: [], lambda: [], ends)
  pump.run(first, second)
  assert [wait for _, wait in waits] == [60_000.0] * 3
