"""What a learner host does before the first collective of all."""

import threading
import time
import types

import jax
import numpy as np
import pytest

from attn_agents.distributed import topology
from attn_agents.distributed.hosts import (
  company,
  joining,
  membership,
  store,
  watch,
)
from attn_agents.runs import snapshots
from tests.distributed import clocks


class _Client:
  """A coordinator's store in this process."""

  def __init__(self):
    self._values = {}

  def key_value_set(self, key, value, allow_overwrite=False):
    del allow_overwrite
    self._values[key] = value

  def key_value_dir_get(self, key):
    return [x for x in self._values.items() if x[0].startswith(key)]


@pytest.fixture(name='join')
def _join(monkeypatch, tmp_path):
  client = _Client()
  monkeypatch.setattr(
    joining, 'join', lambda *place: store.Store(client, place[2])
  )
  monkeypatch.setattr(watch, 'Watch', lambda *args: None)

  def join(index):
    place = topology.Topology(
      str(tmp_path), '', '', (0,), 1, host_index=index, runtime='threads',
      num_hosts=2, coordinator='127.0.0.1:1', join_seconds=1.0,
    )  # fmt: skip
    return membership.Membership(place, threading.Event(), print)

  return join


@pytest.mark.parametrize('late', [0, 1])
def test_no_host_begins_a_collective_before_all_are_there(
  join, monkeypatch, late
):
  began, found = [], {}

  def collective(state):
    began.append(time.monotonic())
    return state

  monkeypatch.setattr(joining, 'hand_over', collective)

  def start(index):
    counters = snapshots.Counters(frames=7 if index == 0 else 0)
    found[index] = join(index).hand_over(
      snapshots.Snapshot(np.zeros(3), counters)
    )

  threads = [threading.Thread(target=start, args=(i,)) for i in (0, 1)]
  threads[1 - late].start()
  time.sleep(0.6)
  came = time.monotonic()
  threads[late].start()
  for thread in threads:
    thread.join(20)
  assert len(began) == 2
  assert min(began) >= came
  # Both begin where host 0 does.
  assert [found[i].counters.frames for i in (0, 1)] == [7, 7]


def test_a_host_is_joined_and_watched_by_what_its_place_says(
  monkeypatch, tmp_path
):
  asked = {'join': [], 'Watch': [], 'gather': []}
  joined = types.SimpleNamespace(
    put=lambda *said: None,
    get=lambda name: {0: {'frames': 7}},
    gather=lambda *said: asked['gather'].append(said),
  )

  def join(*place):
    asked['join'].append(place)
    return joined

  monkeypatch.setattr(joining, 'join', join)
  monkeypatch.setattr(joining, 'hand_over', lambda state: state + 1)
  monkeypatch.setattr(
    watch, 'Watch', lambda *place: asked['Watch'].append(place)
  )
  place = topology.Topology(
    str(tmp_path), '', '', (0,), 1, host_index=1, num_hosts=3,
    coordinator='10.0.0.1:7', join_seconds=9.0,
  )  # fmt: skip
  stop = threading.Event()
  made = membership.Membership(place, stop, print)
  assert asked['join'] == [('10.0.0.1:7', 3, 1, 9.0)]
  assert asked['Watch'] == [
    (
      joined, made.company, 3, 1, '10.0.0.1:7',
      tmp_path / 'status' / 'learner-0.beat', print,
    )
  ]  # fmt: skip
  assert not made.company.leads
  # One of three, which stops with the others.
  made.company.hear({i: {'closed': True, 'left': True} for i in (0, 2)})
  assert stop.is_set() and made.company.all_have_left()
  # Host 0 may take long to restore.
  start = made.hand_over(snapshots.Snapshot(1, snapshots.Counters()))
  assert asked['gather'] == [('ready', 3, 1800.0)]
  assert (start.state, start.counters.frames) == (2, 7)


def test_a_host_that_lives_but_does_not_come_is_named():
  client = _Client()
  store.Store(client, 2).put('ready', True)
  with pytest.raises(TimeoutError, match=r'not ready .* hosts 1, 3$'):
    store.Store(client, 0).gather('ready', 4, 0.3)


class _Relaxed:
  """A watch that is only told to relax; remembers what had been said by then.

  Args:
    members: of whom it would look after the others.
  """

  def __init__(self, members):
    self._members, self.seen = members, []

  def relax(self):
    self.seen.append(self._members.words())


def _member(monkeypatch, index, others):
  """Of two hosts; `others` is what the other one has said."""
  slept = []
  monkeypatch.setattr(membership.time, 'sleep', slept.append)
  made = membership.Membership.__new__(membership.Membership)
  made.company = company.Company(2, index, threading.Event())
  made.company.hear({1 - index: others})
  made._watch = _Relaxed(made.company)
  return made, slept


def test_the_first_host_tells_what_is_saved_and_goes_last(monkeypatch):
  made, slept = _member(monkeypatch, 0, {'left': True})
  assert made.part(300, 20.0) == 300
  assert made.company.words()['saved'] == 300
  (then,) = made._watch.seen
  # Who is missed no more has said before that it has saved.
  assert (then['saved'], slept) == (300, [])


def test_the_first_host_waits_a_moment_for_one_that_has_not_left(monkeypatch):
  made, slept = _member(monkeypatch, 0, {'left': False})
  monkeypatch.setattr(membership, '_LINGER_SECONDS', 0.02)
  assert made.part(None, 20.0) is None
  # -1 stands for nothing, as None does for not yet.
  assert made.company.words()['saved'] == -1
  assert set(slept) == {0.05}


def test_hosts_wait_for_one_another_and_no_longer(monkeypatch):
  # Any sleep takes half a second.
  made, _ = _member(monkeypatch, 0, {'left': False})
  monkeypatch.setattr(membership, 'time', clocks.Clock(step=0.5))
  made.part(5, 20.0)
  assert membership.time.slept == [0.05] * 4
  made, _ = _member(monkeypatch, 1, {'saved': None})
  monkeypatch.setattr(membership, 'time', clocks.Clock(step=0.5))
  assert made.part(None, 3.0) is None
  # At last for its own words to be carried.
  assert membership.time.slept == [0.05] * 6 + [0.5]
  made.relax()
  assert len(made._watch.seen) == 2


@pytest.mark.parametrize(
  ('told', 'saved'), [(300, 300), (0, 0), (-1, None), (None, None)]
)
def test_another_host_says_that_it_leaves_once_all_is_saved(
  monkeypatch, told, saved
):
  made, slept = _member(monkeypatch, 1, {'saved': told})
  assert made.part(None, 0.01) == saved
  assert made.company.words()['left'] is True
  # Only then has it nobody to miss.
  assert [then['left'] for then in made._watch.seen] == [False]
  # For its last words to be carried.
  assert slept[-1] == pytest.approx(0.5)
  assert bool(slept[:-1]) == (told is None)


def test_the_others_are_told_why_a_host_fails(monkeypatch):
  made, slept = _member(monkeypatch, 1, {})
  made.fail(ValueError('no\n  more' + 'x' * 400))
  said = made.company.words()['failed']
  assert said.startswith('ValueError: no more' + 'x' * 200)
  assert len(said) == 300
  assert (len(made._watch.seen), slept) == (1, [1.5])


def test_an_error_of_a_collective_is_looked_into_and_no_other(monkeypatch):
  made, _ = _member(monkeypatch, 1, {})
  doubts = []
  made._watch.doubt = lambda: doubts.append(True)
  assert made.is_reason(ValueError('ours'))
  assert not doubts
  assert made.is_reason(jax.errors.JaxRuntimeError('a collective failed'))
  assert doubts


def test_who_waits_for_others_asks_a_few_times_a_second(monkeypatch):
  slept, client = [], _Client()
  ours = store.Store(client, 0)

  def sleep(seconds):
    slept.append(seconds)
    if len(slept) == 3:
      store.Store(client, 1).put('ready', True)

  monkeypatch.setattr(store.time, 'sleep', sleep)
  ours.gather('ready', 2, 20.0)
  assert slept == [0.2] * 3
  # At the end of the time it asks once more.
  slept.clear()
  now = iter([0.0, 5.0, 5.5])
  monkeypatch.setattr(store.time, 'monotonic', lambda: next(now))
  with pytest.raises(TimeoutError) as caught:
    ours.gather('there', 3, 5.0)
  assert str(caught.value) == 'not there after 5 s: learner hosts 1, 2'
  assert slept == [0.2]
  assert ours.get('ready') == {0: True, 1: True}
