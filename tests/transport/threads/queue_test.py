"""The promises of `transport/reverb/queue_test.py`, kept without Reverb."""

import threading
import time

import jax
import numpy as np
import pytest

from attn_agents.transport.threads import queue
from tests import trajectories

CAPACITY = 4


def _queue(items=1, stop=None):
  return queue.TrajectoryQueue(
    trajectories.numbered(0),
    CAPACITY,
    items,
    (stop or threading.Event()).is_set,
  )


def _numbers(batch):
  return [int(t.report.params_version) for t in batch]


def test_a_trajectory_arrives_as_it_was_sent_without_a_copy():
  made, sent = _queue(), trajectories.numbered(7)
  made.insert(sent)
  (got,) = next(made.batches())
  for a, b in zip(jax.tree.leaves(sent), jax.tree.leaves(got), strict=True):
    assert a is b


def test_many_writers_every_item_exactly_once_in_each_writers_order():
  num_writers, per_writer, items = 3, 200, 4
  made = _queue(items)

  def write(first):
    for i in range(per_writer):
      made.insert(trajectories.numbered(first + i))

  threads = [
    threading.Thread(target=write, args=(1000 * w,)) for w in range(num_writers)
  ]
  for thread in threads:
    thread.start()
  seen, deepest = [], 0
  batches = made.batches()
  for _ in range(num_writers * per_writer // items):
    deepest = max(deepest, made.depth())
    batch = next(batches)
    assert len(batch) == items
    seen += _numbers(batch)
  for thread in threads:
    thread.join(timeout=10)
    assert not thread.is_alive()
  assert sorted(seen) == sorted(
    1000 * w + i for w in range(num_writers) for i in range(per_writer)
  )
  for w in range(num_writers):
    own = [x for x in seen if x // 1000 == w]
    assert own == sorted(own)
  assert deepest <= CAPACITY
  assert made.depth() == 0


def test_a_full_queue_makes_the_writer_wait_until_there_is_room():
  made = _queue()
  for i in range(CAPACITY):
    assert made.insert(trajectories.numbered(i)) < 0.1
  waited = []
  thread = threading.Thread(
    target=lambda: waited.append(made.insert(trajectories.numbered(99)))
  )
  thread.start()
  time.sleep(0.5)
  assert not waited, 'the writer went past a full queue'
  assert made.stats() == {'queue_depth': CAPACITY}
  batches = made.batches()
  assert _numbers(next(batches)) == [0]
  thread.join(timeout=10)
  assert 0.4 < waited[0] < 5
  assert [_numbers(next(batches)) for _ in range(4)] == [[1], [2], [3], [99]]


def test_a_waiting_writer_gives_up_when_told_to_stop():
  stop = threading.Event()
  made = _queue(stop=stop)
  for i in range(CAPACITY):
    made.insert(trajectories.numbered(i))
  thread = threading.Thread(
    target=made.insert, args=(trajectories.numbered(99),)
  )
  thread.start()
  time.sleep(0.3)
  assert thread.is_alive()
  stop.set()
  thread.join(timeout=5)
  assert not thread.is_alive()
  assert made.depth() == CAPACITY


def test_a_reader_waits_for_the_whole_batch():
  made = _queue(items=2)
  got = []
  thread = threading.Thread(target=lambda: got.append(next(made.batches())))
  thread.start()
  made.insert(trajectories.numbered(1))
  time.sleep(0.2)
  assert not got
  made.insert(trajectories.numbered(2))
  thread.join(timeout=5)
  assert _numbers(got[0]) == [1, 2]


def test_a_wrong_shape_or_dtype_or_tree_is_refused():
  made = _queue()
  with pytest.raises(
    ValueError,
    match=r'unroll.timestep.observation is uint8\[6, 2, 4, 5, 1\], but the '
    r'queue holds uint8\[4, 2',
  ):
    made.insert(trajectories.numbered(0, steps=5))
  sent = trajectories.numbered(0)
  unroll = sent.unroll._replace(action=sent.unroll.action.astype(np.int64))
  with pytest.raises(ValueError, match='action is int64'):
    made.insert(sent._replace(unroll=unroll))
  with pytest.raises(ValueError, match='the queue holds PyTreeDef'):
    made.insert(sent._replace(report=None))
  assert made.depth() == 0
