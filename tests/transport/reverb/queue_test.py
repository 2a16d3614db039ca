"""The queue's promises, kept by real Reverb servers."""

import math
import threading
import time

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.learning import batching, feeder
from attn_agents.transport.reverb import queue, servers
from tests import lingering, trajectories

CAPACITY = 4


@pytest.fixture(name='address', params=[False, True], ids=['as is', 'packed'])
def _address(request):
  server = servers.queue_server(
    trajectories.numbered(0), capacity=CAPACITY, packed=request.param
  )
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
  _check_equal(got, sent)


_only_packed = pytest.mark.parametrize('address', [True], indirect=True)


@_only_packed
def test_frames_of_a_packed_batch_lie_side_by_side(address):
  writer, reader = _writer(address), _reader(address, items=3)
  for i in range(3):
    writer.insert(trajectories.numbered(i))
  batch = next(reader.batches())
  joined = batching.concatenate(batch).timestep.observation
  assert joined is batch[0].unroll.timestep.observation.base
  for i, got in enumerate(batch):
    _check_equal(got, trajectories.numbered(i))


@_only_packed
def test_bytes_with_zeros_at_their_end_arrive_whole(address):
  # An array of bytes would lose them.
  packed = b'packed' + bytes(7)
  _put(address, packed)
  client = _reader(address)._client
  (sample,) = client.sample(servers.QUEUE_TABLE, 1, emit_timesteps=False)
  assert sample.data[0].item() == packed


def _put(address, packed):
  """Puts bytes into a packed queue, as whatever is no `QueueSink` would."""
  # After ours, which loads of TensorFlow what Reverb uses.
  import reverb

  client = reverb.Client(address)
  client.insert(np.array(packed, dtype=object), {servers.QUEUE_TABLE: 1.0})


@_only_packed
@pytest.mark.parametrize('packed', [b'', b'other bytes', bytes(1000)])
def test_what_is_no_packed_trajectory_ends_the_feeder(address, packed):
  _put(address, packed)
  reading = feeder.Feeder(
    _reader(address).batches(), jax.local_devices()[:1], prefetch=1
  )
  with pytest.raises(RuntimeError, match='a trajectory is damaged') as found:
    for _ in range(100):
      assert reading.get(0.2) is None
  assert '\n' not in str(found.value)


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
  assert _reader(address).stats() == {'queue_depth': CAPACITY}
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


@_only_packed
def test_a_server_that_is_busy_costs_a_measurement(address, monkeypatch):
  import reverb

  timeouts = []

  class Late:
    def server_info(self, timeout):
      timeouts.append(timeout)
      raise reverb.errors.DeadlineExceededError('no answer')

  reader = _reader(address)
  monkeypatch.setattr(reader, '_client', Late())
  assert math.isnan(reader.stats()['queue_depth'])
  # A row of metrics waits no longer.
  assert timeouts == [1]


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


def _check_equal(got, sent):
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(sent), strict=True):
    np.testing.assert_array_equal(a, b)
    assert a.dtype == np.asarray(b).dtype
    assert np.shape(a) == np.shape(b)
