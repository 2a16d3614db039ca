"""How long a learner host is waited for, and for its answer."""

import select
import types

import pytest

from attn_agents.distributed.relay import check
from configs import errors


class _Clock:
  """Passes only while somebody waits; `after`: until something is there."""

  def __init__(self, monkeypatch, *after):
    self.now, self.after, self.waits = 100.0, list(after), []
    monkeypatch.setattr(
      check, 'time',
      types.SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep),
    )  # fmt: skip
    monkeypatch.setattr(
      check, 'select',
      types.SimpleNamespace(poll=lambda: self, POLLIN=select.POLLIN),
    )  # fmt: skip

  def _sleep(self, seconds):
    self.waits.append(seconds)
    self.now += seconds

  def register(self, target, event):
    assert (target, event) == ('socket', select.POLLIN)
    self.is_registered = True

  def poll(self, milliseconds):
    assert self.is_registered
    self.waits.append(milliseconds)
    after = self.after.pop(0)
    self.now += milliseconds / 1000 if after is None else after
    return [] if after is None else ['event']


class _Encrypted:
  """Has these pieces: None is nothing, for now."""

  socket = 'socket'

  def __init__(self, *pieces):
    self.pieces = list(pieces)

  def receive(self, buffer):
    piece = self.pieces.pop(0)
    if piece is None:
      return None
    buffer[: len(piece)] = piece
    return len(piece)


def test_an_answer_is_read_up_to_its_end(monkeypatch):
  clock = _Clock(monkeypatch, 3.0, 4.0)
  pieces = [None, b'{"com', b'mit"', None, b'}', b'']
  assert check._read_all(_Encrypted(*pieces)) == '{"commit"}'
  assert clock.waits == [10_000, 7000]


@pytest.mark.parametrize(
  ('after', 'waits'),
  [([None], [10_000]), ([9.5, None], [10_000, 500]), ([10.0], [10_000])],
)
def test_an_answer_has_ten_seconds_in_all(monkeypatch, after, waits):
  clock = _Clock(monkeypatch, *after)
  encrypted = _Encrypted(*[None] * len(after), None)
  with pytest.raises(TimeoutError, match='answer did not come in time'):
    check._read_all(encrypted)
  assert clock.waits == waits


@pytest.mark.parametrize(
  ('seconds', 'waits'),
  [(0.0, []), (2.5, [1.0, 1.0, 0.5]), (2.0, [1.0, 1.0])],
)
def test_a_host_that_does_not_answer_is_asked_again_for_so_long(
  monkeypatch, seconds, waits
):
  clock, asked = _Clock(monkeypatch), []

  def ask(*given):
    asked.append(given)
    raise ConnectionRefusedError(111, 'Connection refused')

  monkeypatch.setattr(check, 'ask', ask)
  with pytest.raises(errors.ConfigError) as caught:
    check.require_accepted('h:7', 'key', seconds, '--join')
  assert str(caught.value).startswith(
    f'--join=h:7 does not answer (Connection refused) for {seconds:g} seconds; '
  )
  assert asked == [('h:7', 'key', '--join')] * (1 + len(waits))
  assert clock.waits == waits


def test_a_host_that_answers_later_is_heard(monkeypatch):
  clock, answers = _Clock(monkeypatch), [OSError('not yet'), 'facts']

  def ask(*given):
    answer = answers.pop(0)
    if isinstance(answer, OSError):
      raise answer
    return answer

  monkeypatch.setattr(check, 'ask', ask)
  assert check.require_accepted('h:7', 'key', 30.0) == 'facts'
  assert clock.waits == [1.0]


def test_one_try_waits_ten_seconds(monkeypatch):
  dialed = []

  def dial(address, context, seconds):
    dialed.append((address, context, seconds))
    raise TimeoutError

  monkeypatch.setattr(check.actor_end, 'dial', dial)
  monkeypatch.setattr(check.tls, 'context', lambda key, services: services)
  with pytest.raises(TimeoutError):
    check.ask('h:7', types.SimpleNamespace())
  assert dialed == [('h:7', ['check'], 10.0)]
  # What is no address is not tried.
  with pytest.raises(errors.ConfigError, match='--join=h: '):
    check.ask('h', types.SimpleNamespace(), '--join')
  assert len(dialed) == 1
