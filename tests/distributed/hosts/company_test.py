"""How hosts agree on the last update, told by hand."""

import threading

from attn_agents.distributed.hosts import company


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
