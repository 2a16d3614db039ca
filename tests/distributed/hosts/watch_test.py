"""Whom a learner host misses, with times that the test says."""

import types
import typing

import pytest

from attn_agents.distributed.hosts import watch

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

  class _Changed:
    def __enter__(self):
      return self

    def __exit__(self, *_):
      pass

    wait = staticmethod(lambda seconds: None)

  vars(made._company).update(
    words=lambda: {'updates': 3}, hear=heard.append, changed=_Changed()
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
