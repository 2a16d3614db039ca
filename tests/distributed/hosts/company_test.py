"""How hosts agree on the last update, told by hand."""

import threading

import numpy as np

from attn_agents.distributed.hosts import company
from attn_agents.runs import snapshots


class _Hosts:
  """Two of them; `talk` carries their words."""

  def __init__(self):
    self.stops = [threading.Event() for _ in range(2)]
    self.members = [company.Company(2, i, self.stops[i]) for i in range(2)]

  def talk(self):
    for teller, hearer in ((0, 1), (1, 0)):
      self.members[hearer].hear({teller: self.members[teller].words()})


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
  closing.join(10)
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
