"""How hosts agree on the last update, told by hand."""

import sys
import threading

import numpy as np

from attn_agents.distributed.hosts import company
from attn_agents.runs import snapshots
from tests.distributed import clocks, flushed


class _Hosts:
  """Two of them; `talk` carries their words."""

  def __init__(self):
    self.stops = [threading.Event() for _ in range(2)]
    self.members = [company.Company(2, i, self.stops[i]) for i in range(2)]

  def talk(self):
    for teller, hearer in ((0, 1), (1, 0)):
      self.members[hearer].hear({teller: self.members[teller].words()})


def _alone(monkeypatch, count=3, index=0):
  """One of several hosts, its clock, how long it waited, and who is told.

  Each wait takes a second.
  """
  clock, waits, told = clocks.Clock(), [], []
  clock.now = 0.0
  monkeypatch.setattr(company, 'time', clock)
  made = company.Company(count, index, threading.Event())

  def wait(seconds):
    waits.append(seconds)
    clock.now += 1.0

  made.changed.wait = wait
  made.changed.notify_all = lambda: told.append(clock.now)
  return made, clock, waits, told


def _update(member, count=1):
  for _ in range(count):
    assert member.begin_update()
    member.end_update()


def test_all_make_the_updates_that_any_has_begun():
  hosts = _Hosts()
  first, second = hosts.members
  _update(first, 5)
  _update(second, 3)
  hosts.stops[1].set()
  hosts.talk()
  hosts.talk()
  assert hosts.stops[0].is_set()
  assert not first.begin_update() and not second.begin_update()
  assert (first.behind(), second.behind()) == (0, 2)
  assert first.why() == 'host 1: was asked to stop'
  assert second.why() == ''


def test_who_closes_first_itself_has_been_asked_too():
  """Its loop may see the request before its words do."""
  hosts = _Hosts()
  hosts.stops[1].set()
  closing = threading.Thread(target=hosts.members[1].behind, daemon=True)
  closing.start()
  while not hosts.members[1].words()['closed']:
    pass
  hosts.talk()
  hosts.talk()
  closing.join(10)
  assert not closing.is_alive()
  assert hosts.members[0].why() == 'host 1: was asked to stop'


def test_a_reason_is_told_to_all():
  hosts = _Hosts()
  assert hosts.members[0].leave_for('no data')
  hosts.talk()
  assert [x.why() for x in hosts.members] == ['no data', 'host 0: no data']


def test_all_save_after_the_same_update():
  first, second = _Hosts().members
  # Only host 0 may ask, and asks once however often it wishes to.
  second.ask_to_save()
  assert not second.wishes_to_save()
  first.ask_to_save()
  first.ask_to_save()
  assert (first.wishes_to_save(), first.wishes_to_save()) == (True, False)
  first.ask_to_save()
  assert not first.wishes_to_save()
  # Told in update 4. The one heard of it then, the other an update later.
  first.hear_save(4)
  assert not first.saves_after(4)
  second.hear_save(4)
  for member in (first, second):
    assert member.saves_after(5)
    assert not member.saves_after(6)
  first.ask_to_save()
  assert first.wishes_to_save()


def _snapshot(value, update):
  state = {'w': np.float32([1.0, value]), 'steps': np.int32(update)}
  return snapshots.Snapshot(state, snapshots.Counters(learner_steps=update))


def test_another_state_is_told_by_both(monkeypatch, capsys):
  monkeypatch.setattr(company, '_COMPARE_SECONDS', 0.0)
  hosts = _Hosts()
  first, second = hosts.members
  for member in hosts.members:
    member.compare(_snapshot(0.5, 3))
  hosts.talk()
  assert (first.differs, second.differs) == ('', '')
  assert 'not all hosts told' in capsys.readouterr().out
  first.compare(_snapshot(0.5, 6))
  second.compare(_snapshot(0.5, 7))
  hosts.talk()
  assert first.differs == ''
  second.compare(_snapshot(np.nextafter(np.float32(0.5), np.float32(1)), 8))
  hosts.talk()
  waiting = threading.Thread(
    target=first.compare, args=(_snapshot(0.5, 8),), daemon=True
  )
  waiting.start()
  with first.changed:
    assert first.changed.wait_for(lambda: first.differs, 20)
  hosts.talk()
  assert first.differs == second.differs
  assert second.differs.startswith(
    'hosts 0 and 1 have different parameters or optimisers after update 8:'
  )
  # What the other does not have is not saved.
  waiting.join(0.5)
  assert waiting.is_alive()


def test_an_update_is_overdue_unless_a_host_waits_for_data(monkeypatch):
  hosts = _Hosts()
  first, second = hosts.members
  now = [0.0]
  monkeypatch.setattr(company.time, 'monotonic', lambda: now[0])
  _update(first, 4)
  _update(second, 4)
  assert first.begin_update()
  hosts.talk()
  now[0] = 100.0
  # The other has not begun it, since it has nothing to learn from.
  assert first.overdue(60.0, 1000.0) == 0.0
  assert second.begin_update()
  hosts.talk()
  assert first.overdue(60.0, 1000.0) == 100.0
  assert first.overdue(200.0, 1000.0) == 0.0
  first.forgive(90.0)
  assert first.overdue(60.0, 1000.0) == 0.0


def test_at_first_a_host_waits_for_data_and_asks_for_nothing(monkeypatch):
  made, *_ = _alone(monkeypatch)
  assert made.words() == {
    'updates': 0, 'closed': False, 'waiting': True, 'wish': '', 'failed': '',
    'saved': None, 'left': False, 'states': [],
  }  # fmt: skip
  assert made.wishes_to_stop() is False
  assert made.wishes_to_save() is False
  assert made.saves_after(5) is False
  assert made.why() == ''
  assert made.begin_update() is True
  assert made.words()['waiting'] is False
  made.end_update()
  assert made.words()['waiting'] is True
  made.hear_wish()
  assert made.begin_update() is False
  assert made.wishes_to_stop() is True


def test_whoever_waits_for_news_is_woken_by_them(monkeypatch):
  made, clock, _, told = _alone(monkeypatch)
  for clock.now, news in (
    (1.0, lambda: made.hear({1: {'updates': 3}})),
    (2.0, lambda: made.tell(saved=5)),
    (3.0, lambda: made.leave_for('no data')),
  ):
    news()
  assert told == [1.0, 2.0, 3.0]
  # The first reason stays.
  assert made.leave_for('another') is True
  assert made.why() == 'no data'
  assert made.words()['saved'] == 5


def test_updates_are_made_until_no_host_has_more(monkeypatch):
  made, _, waits, _ = _alone(monkeypatch)
  _update(made, 4)
  said = {1: {'updates': 5, 'closed': True}, 2: {'updates': 7}}
  made.hear(said)
  # One that begins no more is enough to begin no more.
  assert made.begin_update() is False

  def wait(seconds):
    waits.append(seconds)
    if len(waits) == 2:
      made.hear({2: {'updates': 9, 'closed': True}})

  made.changed.wait = wait
  assert made.behind() == 5
  assert waits == [1.0, 1.0]
  assert made.words()['updates'] == 9
  # Such an update has no beginning.
  made.end_update()
  made.forgive(5.0)
  assert made.overdue(0.0, 0.0) == 0.0
  assert made.behind() == 0


def test_who_has_no_more_says_so_before_it_waits(monkeypatch):
  made, *_ = _alone(monkeypatch, count=2)
  closed = []

  def wait(seconds):
    closed.append(made.words()['closed'])
    made.hear({1: {'updates': 2, 'closed': True}})

  made.changed.wait = wait
  assert made.behind() == 2
  assert closed == [True]


def test_of_several_hosts_the_first_that_gives_a_reason_is_named(monkeypatch):
  made, *_ = _alone(monkeypatch)
  made.hear({2: {'wish': 'b', 'left': True}, 1: {'wish': 'a'}})
  assert made.why() == 'host 1: a'
  assert made.said('wish', 2) == 'b'
  assert made.said('wish') is None
  assert made.all_have_left() is False
  made.hear({1: {'left': True}})
  assert made.all_have_left() is True


def test_a_state_is_compared_for_ten_seconds(monkeypatch):
  made, clock, waits, told = _alone(monkeypatch)
  output = flushed.Flushed()
  monkeypatch.setattr(sys, 'stdout', output)
  made.hear({1: {'states': [[3, 7]]}})
  told.clear()
  made.compare(_snapshot(0.5, 4))
  # One that waits asks at once and again ten times a second.
  assert (clock.now, set(waits)) == (11.0, {0.1})
  assert told == [0.0]
  assert output.flushed == 'update 4: not all hosts told their state\n'
  # A second try to save the same has been compared.
  made.compare(_snapshot(0.5, 4))
  assert clock.now == 11.0
  ((update, number),) = made.words()['states']
  assert update == 4
  # All must have told it, not some.
  state = snapshots.digest(_snapshot(0.5, 5))
  made.hear({1: {'states': [[5, state]]}, 2: {'states': [[4, number]]}})
  made.compare(_snapshot(0.5, 5))
  assert output.flushed.count('not all hosts told') == 2
  assert made.differs == ''
  # The first that differs is named, whoever else does.
  for other in (2, 1):
    made.hear({other: {'states': [[5, state + 1]]}})
    assert made.differs.startswith('hosts 0 and 2 have different')


def test_the_newest_three_states_are_told(monkeypatch):
  made, *_ = _alone(monkeypatch, count=2)
  output = flushed.Flushed()
  monkeypatch.setattr(sys, 'stdout', output)
  twin, *_ = _alone(monkeypatch, count=2, index=1)
  for update in (3, 4, 5, 6):
    twin.compare(_snapshot(0.5, update))
    made.hear({1: twin.words()})
    made.compare(_snapshot(0.5, update))
    state = snapshots.digest(_snapshot(0.5, update))
    assert output.flushed.endswith(
      f'update {update}: all hosts have state {state:08x}\n'
    )
  assert [update for update, _ in made.words()['states']] == [4, 5, 6]


def _overdue(made):
  return made.overdue(5.0, 50.0)


def test_an_update_may_take_twenty_times_the_longest(monkeypatch):
  made, clock, *_ = _alone(monkeypatch)
  # The first three compile.
  for _ in range(3):
    assert made.begin_update()
    clock.now += 50.0
    assert _overdue(made) == 0.0
    clock.now += 0.5
    assert _overdue(made) == 50.5
    made.end_update()
  for took in (1.0, 0.5):
    assert made.begin_update()
    clock.now += 5.0
    assert _overdue(made) == 0.0
    clock.now += 0.5
    assert _overdue(made) == (5.5 if took == 1.0 else 0.0)
    made.forgive(5.5 - took)
    made.end_update()
    assert _overdue(made) == 0.0
  assert made.begin_update()
  clock.now += 20.0
  assert _overdue(made) == 0.0
  clock.now += 0.25
  assert _overdue(made) == 20.25
  # Others may have no data yet: they wait, and have begun fewer updates.
  for updates, waiting, late in (
    (6, True, 20.25), (5, False, 20.25), (5, True, 0.0),
  ):  # fmt: skip
    made.hear({2: {'updates': updates, 'waiting': waiting}})
    assert _overdue(made) == late
  made.end_update()
  clock.now += 1000.0
  assert _overdue(made) == 0.0
