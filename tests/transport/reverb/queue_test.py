"""The queue's promises, kept by real Reverb servers."""

import threading
import time

import numpy as np
import pytest

from attn_agents import types
from attn_agents.transport.reverb import queue, servers
from tests import lingering, trajectories

CAPACITY = 4


@pytest.fixture(name='address')
def _address():
  server = servers.queue_server(trajectories.numbered(0), capacity=CAPACITY)
  yield f'127.0.0.1:{server.port}'
  server.stop()


def _writer(address, should_stop=lambda: False):
  return queue.QueueSink(address, should_stop)


def _reader(address, items=1):
  return queue.QueueSource(address, trajectories.numbered(0), items)


def test_a_trajectory_arrives_as_it_was_sent(address):
  sent = trajectories.numbered(7)
  writer = _writer(address)
  writer.insert(sent)
  ((got,),) = [next(_reader(address).batches())]
  assert isinstance(got.unroll.timestep, types.TimeStep)
  for a, b in zip(_leaves(sent), _leaves(got), strict=True):
    np.testing.assert_array_equal(a, b)
    assert np.asarray(a).dtype == b.dtype
    assert np.shape(a) == np.shape(b)


def test_arrays_may_be_reused_once_insert_returns(address):
  writer = _writer(address)
  sent = trajectories.numbered(1)
  writer.insert(sent)
  sent.unroll.timestep.observation[:] = 99
  ((got,),) = [next(_reader(address).batches())]
  assert got.unroll.timestep.observation.max() == 1


def test_many_writers_every_item_exactly_once_in_each_writers_order(address):
  num_writers, per_writer, items = 3, 20, 4
  total = num_writers * per_writer

  def write(first):
    writer = _writer(address)
    for i in range(per_writer):
      writer.insert(trajectories.numbered(first + i))

  threads = [
    threading.Thread(target=write, args=(1000 * w,)) for w in range(num_writers)
  ]
  for thread in threads:
    thread.start()
  seen = []
  batches = _reader(address, items).batches()
  for _ in range(total // items):
    batch = next(batches)
    assert len(batch) == items
    seen += [int(t.report.params_version) for t in batch]
  for thread in threads:
    thread.join(timeout=10)
    assert not thread.is_alive()
  assert sorted(seen) == sorted(
    1000 * w + i for w in range(num_writers) for i in range(per_writer)
  )
  for w in range(num_writers):
    own = [x for x in seen if x // 1000 == w]
    assert own == sorted(own)
  assert _reader(address).depth() == 0


def test_a_full_queue_makes_the_writer_wait_until_there_is_room(address):
  stop = threading.Event()
  writer = _writer(address, stop.is_set)
  for i in range(CAPACITY):
    assert writer.insert(trajectories.numbered(i)) < 5
  waited = []
  thread = threading.Thread(
    target=lambda: waited.append(writer.insert(trajectories.numbered(99)))
  )
  thread.start()
  time.sleep(1.0)
  assert not waited, 'the writer went past a full queue'
  assert _reader(address).depth() == CAPACITY
  (first,) = next(_reader(address).batches())
  thread.join(timeout=10)
  assert first.report.params_version == 0
  assert waited[0] >= 0.9
  stop.set()


def test_a_waiting_writer_gives_up_when_told_to_stop(address):
  stop = threading.Event()
  writer = _writer(address, stop.is_set)
  for i in range(CAPACITY):
    writer.insert(trajectories.numbered(i))
  thread = threading.Thread(
    target=writer.insert, args=(trajectories.numbered(99),)
  )
  thread.start()
  time.sleep(0.3)
  assert thread.is_alive()
  stop.set()
  thread.join(timeout=5)
  assert not thread.is_alive()


def test_a_wrong_shape_is_refused(address):
  with pytest.raises(ValueError, match=r'observation is uint8\[6, 2, 4'):
    _writer(address).insert(trajectories.numbered(0, steps=5))
  assert _reader(address).depth() == 0


def test_a_taken_port_is_refused_instead_of_shared(address):
  port = int(address.rpartition(':')[2])
  with pytest.raises(servers.PortInUseError, match=str(port)):
    servers.queue_server(trajectories.numbered(0), CAPACITY, port=port)


def test_a_port_serves_again_once_its_server_has_ended():
  port = lingering.port()
  server = servers.queue_server(trajectories.numbered(0), CAPACITY, port=port)
  address = f'127.0.0.1:{port}'
  _writer(address).insert(trajectories.numbered(3))
  assert _reader(address).depth() == 1
  server.stop()


def _leaves(tree):
  import jax

  return jax.tree.leaves(tree)
