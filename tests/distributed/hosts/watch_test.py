"""Whom a learner host misses, with times that the test says."""

import sys
import threading
import types
import typing

import pytest

from attn_agents.distributed.hosts import watch
from tests.distributed import flushed

_LIMITS = watch.Limits(silent=20.0, doubted=5.0, update=60.0)


class _Company:
  differs = ''
  failed: typing.ClassVar = {}
  late = 0.0

  def __init__(self):
    self.forgiven = []

  def said(self, what, other):
    assert what == 'failed'
    return self.failed.get(other)

  def overdue(self, update, first_update):
    assert (update, first_update) == (60.0, _LIMITS.first_update)
    return self.late

  def forgive(self, seconds):
    self.forgiven.append(seconds)


class _Changed:
  """In place of a condition; remembers how long it was waited for."""

  def __init__(self, waits):
    self.wait = waits.append

  def __enter__(self):
    return self

  def __exit__(self, *_):
    pass


def _watch(answered=100.0, seen=None, refused=False, **changes):
  """Without its threads, of host 1 of 3."""
  made = watch.Watch.__new__(watch.Watch)
  company = _Company()
  vars(company).update(changes)
  vars(made).update(
    _company=company, _limits=_LIMITS, _doubts=False, _answered=answered,
    _seen=seen or {0: (1, answered), 2: (1, answered)},
    _coordinator='10.0.0.1:7', _is_refused=lambda: refused,
  )  # fmt: skip
  return made


@pytest.mark.parametrize(
  ('changes', 'now', 'trouble'),
  [
    ({}, 100.0, ('', False)),
    # Nobody has answered for as long as the limit, and for longer.
    ({}, 120.0, ('', False)),
    ({}, 120.5, ('host 0, the coordinator at 10.0.0.1:7, is gone or does not '
                 'answer (20 s)', False)),
    # One that refuses is gone sooner.
    ({'refused': True}, 102.0, ('', False)),
    ({'refused': True}, 103.0, ('host 0, the coordinator at 10.0.0.1:7, is '
                                'gone or does not answer (3 s)', False)),
    # The others' silence counts up to the last answer, not to this moment.
    ({'seen': {0: (1, 100.0), 2: (1, 80.0)}}, 110.0, ('', False)),
    ({'seen': {0: (1, 100.0), 2: (1, 79.0)}}, 100.0,
     ('host 2 is gone or does not answer (21 s)', False)),
    ({'late': 61.0}, 100.0, ('an update has not ended for 61 s', False)),
    ({'failed': {2: 'no room'}}, 100.0, ('host 2 failed: no room', True)),
    ({'differs': 'host 2 has others', 'failed': {2: 'x'}}, 100.0,
     ('host 2 has others', True)),
  ],
)  # fmt: skip
def test_what_is_taken_for_trouble(changes, now, trouble):
  assert _watch(**changes)._trouble(now) == trouble


def test_after_a_failed_update_it_waits_less():
  made = _watch(seen={0: (1, 100.0), 2: (1, 94.0)})
  assert made._trouble(100.0) == ('', False)
  made._doubts = True
  assert made._trouble(100.0)[0] == 'host 2 is gone or does not answer (6 s)'


def test_a_pause_of_this_process_is_nobodys_silence():
  made = _watch(seen={0: (1, 100.0), 2: (3, 90.0)})
  made._forgive(15.0)
  assert made._answered == 115.0
  assert made._seen == {0: (1, 115.0), 2: (3, 105.0)}
  assert made._company.forgiven == [15.0]


def test_what_hosts_say_is_noted_when_it_is_new(monkeypatch):
  """Their words carry a number; one that stays is no sign of life."""
  made = _watch(seen={0: (-1, 0.0), 2: (-1, 0.0)})
  heard, put = [], []
  rounds = iter([
    {0: {'number': 4}, 1: {'number': 9}, 2: {'number': 5}},
    {0: {'number': 4}, 2: {'number': 6}},
  ])  # fmt: skip
  times = iter([10.0, 11.0])

  class _Ended(BaseException):
    pass

  def get(name):
    said = next(rounds, None)
    if said is None:
      raise _Ended
    return said

  made._index = 1
  made._store = types.SimpleNamespace(
    put=lambda name, words: put.append(words), get=get
  )

  waits = []
  vars(made._company).update(
    words=lambda: {'updates': 3}, hear=heard.append, changed=_Changed(waits)
  )
  monkeypatch.setattr(
    watch, 'time', types.SimpleNamespace(monotonic=lambda: next(times))
  )
  with pytest.raises(_Ended):
    made._talk()
  assert made._seen == {0: (4, 10.0), 2: (6, 11.0)}
  assert made._answered == 11.0
  assert put == [{'updates': 3, 'number': i} for i in (1, 2, 3)]
  # What this host said itself is left out.
  assert heard[0] == {0: {'number': 4}, 2: {'number': 5}}
  # Five times a second, or as soon as there is news.
  assert waits == [0.2, 0.2]


def test_a_coordinator_that_does_not_answer_is_asked_again(monkeypatch):
  class _Ended(BaseException):
    pass

  answers = iter([RuntimeError('no way'), _Ended()])

  def put(name, words):
    raise next(answers)

  made = _watch()
  made._store = types.SimpleNamespace(put=put)
  made._company.words = dict
  slept, output = [], flushed.Flushed()
  monkeypatch.setattr(watch.time, 'sleep', slept.append)
  monkeypatch.setattr(sys, 'stdout', output)
  with pytest.raises(_Ended):
    made._talk()
  assert output.flushed == 'the coordinator does not answer: no way\n'
  assert slept == [0.5]
  # It is no answer.
  assert made._answered == 100.0


def _guarded(made, now, beat):
  """Its guard with a clock of its own; `made._over` ends it."""
  ended = []
  made._beat, made._end = beat, lambda *said: ended.append(said)
  made._over = threading.Event()
  waits = iter(now)

  def wait(seconds):
    assert seconds == 0.5
    return next(waits, None) is None

  made._over.wait = wait
  made._guard()
  return ended


def test_the_guard_beats_and_ends_once(tmp_path, monkeypatch):
  times = iter([100.0, 100.5, 101.0, 101.5])
  monkeypatch.setattr(watch.time, 'monotonic', lambda: next(times))
  beat = tmp_path / 'beat'
  made = _watch()
  assert _guarded(made, [1, 2], beat) == []
  assert beat.read_text() == '2'
  times = iter([100.0, 100.5, 101.0])
  made = _watch(failed={0: 'no room'})
  assert _guarded(made, [1, 2], beat) == [('host 0 failed: no room', True)]
  assert beat.read_text() == '1'


@pytest.mark.parametrize(('pause', 'forgiven'), [(4.0, []), (4.5, [4.5])])
def test_a_pause_is_forgiven_by_the_guard(
  tmp_path, monkeypatch, pause, forgiven
):
  times = iter([100.0, 100.0 + pause])
  monkeypatch.setattr(watch.time, 'monotonic', lambda: next(times))
  made = _watch()
  assert _guarded(made, [1], tmp_path / 'gone' / 'beat') == []
  assert made._company.forgiven == forgiven


def test_a_host_with_another_state_leaves_time_to_be_told(
  tmp_path, monkeypatch
):
  slept = []
  monkeypatch.setattr(watch.time, 'sleep', slept.append)
  made = _watch(differs='host 2 has others')
  assert _guarded(made, [1], tmp_path / 'beat') == [('host 2 has others', True)]
  assert slept == [1.5]


def test_who_relaxes_misses_nobody(tmp_path, monkeypatch):
  made = _watch(failed={0: 'no room'})
  made._over = threading.Event()
  made.relax()
  assert made._over.is_set()
  monkeypatch.setattr(made, '_end', None, raising=False)
  made._beat = tmp_path / 'beat'
  made._guard()
  assert not made._beat.exists()


@pytest.mark.parametrize(
  ('words', 'until'),
  # More than eight words of each, or twice as long as silence may last.
  [((3, 3), 1.5), ((4, 4), 1.5), ((9, 3), 1.5), ((0, 9), 40.0)],
)
def test_after_a_failed_update_all_hosts_are_waited_for(
  monkeypatch, words, until
):
  now = [0.0]
  made = _watch(seen={0: (5, 100.0), 2: (7, 100.0)})
  more = dict(zip((0, 2), words, strict=True))

  def sleep(seconds):
    now[0] += seconds
    made._seen = {i: (n + more[i], t) for i, (n, t) in made._seen.items()}

  monkeypatch.setattr(watch.time, 'sleep', sleep)
  monkeypatch.setattr(watch.time, 'monotonic', lambda: now[0])
  made.doubt()
  assert (made._doubts, now) == (True, [until])


@pytest.mark.parametrize(
  ('error', 'refused'),
  [(ConnectionRefusedError(), True), (TimeoutError(), False), (None, False)],
)
def test_only_a_refusal_says_that_the_coordinator_is_gone(
  monkeypatch, error, refused
):
  def connect(address, seconds):
    assert (address, seconds) == ('10.0.0.1:7', 1.0)
    if error is not None:
      raise error
    return types.SimpleNamespace(close=lambda: None)

  monkeypatch.setattr(watch.addresses, 'connect', connect)
  made = watch.Watch.__new__(watch.Watch)
  made._coordinator = '10.0.0.1:7'
  assert made._is_refused() is refused


def test_how_long_hosts_are_waited_for():
  limits = watch.Limits()
  assert (limits.silent, limits.doubted) == (20.0, 5.0)
  assert (limits.update, limits.first_update) == (60.0, 1800.0)


@pytest.mark.parametrize('limits', [None, _LIMITS._replace(silent=9.0)])
def test_both_threads_start_with_all_hosts_unheard(
  monkeypatch, tmp_path, limits
):
  started = []

  class _Thread:
    def __init__(self, target, name, daemon):
      self.start = lambda: started.append((target.__name__, name, daemon))

  monkeypatch.setattr(watch.threading, 'Thread', _Thread)
  monkeypatch.setattr(watch.time, 'monotonic', lambda: 7.0)
  made = watch.Watch(
    None, _Company(), 3, 1, '10.0.0.1:7', tmp_path / 'beat', print, limits
  )
  # Neither keeps the process from ending.
  assert started == [('_talk', 'words', True), ('_guard', 'watch', True)]
  # No number has been said, so that the first is new.
  assert made._seen == {0: (-1, 7.0), 2: (-1, 7.0)}
  assert made._trouble(7.0) == ('', False)
  silent = 20.0 if limits is None else 9.0
  assert made._trouble(7.0 + silent) == ('', False)
  assert made._trouble(7.25 + silent)[0].startswith('host 0, the coordinator ')
  assert not made._over.is_set()
  made.relax()
  assert made._over.is_set()
