"""What a learner host does before the first collective of all."""

import threading
import time

import numpy as np
import pytest

from attn_agents.distributed import topology
from attn_agents.distributed.hosts import joining, membership, store, watch
from attn_agents.runs import checkpoints


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
    counters = checkpoints.Counters(frames=7 if index == 0 else 0)
    found[index] = join(index).hand_over(
      checkpoints.Snapshot(np.zeros(3), counters)
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


def test_a_host_that_lives_but_does_not_come_is_named():
  client = _Client()
  store.Store(client, 2).put('ready', True)
  with pytest.raises(TimeoutError, match=r'not ready .* hosts 1, 3$'):
    store.Store(client, 0).gather('ready', 4, 0.3)
