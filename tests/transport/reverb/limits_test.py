"""Who has to wait: the rules of one process against those of Reverb itself."""

import threading

import numpy as np
import pytest

from attn_agents.transport.reverb import servers
from attn_agents.transport.threads import limiter, queue

# isort: split
# After ours, which loads of TensorFlow what Reverb uses.
import reverb

_COUNTS = range(1, 8)


@pytest.mark.parametrize(
  ('samples_per_insert', 'min_size', 'tolerance'),
  [(1.0, 1, 1.0), (8.0, 4, 9.0), (0.25, 7, 3.0), (2.0, 5, 6.5), (4.0, 3, 16.0)],
)
def test_the_limiter_admits_what_reverb_does(
  samples_per_insert, min_size, tolerance
):
  """At every place of a random walk that the table lets go on."""
  table = reverb.Table(
    name='items',
    sampler=reverb.selectors.Fifo(),
    remover=reverb.selectors.Fifo(),
    max_size=1000,
    rate_limiter=reverb.rate_limiters.SampleToInsertRatio(
      samples_per_insert, min_size, tolerance
    ),
  )
  ours = limiter.RatioLimiter(samples_per_insert, min_size, tolerance)
  server = reverb.Server([table], port=None)
  client = server.localhost_client()
  rng = np.random.default_rng(0)
  answers = set()
  for _ in range(150):
    for count in _COUNTS:
      inserts, samples = table.can_insert(count), table.can_sample(count)
      where = (ours.inserts, ours.samples, count)
      assert ours.may_insert(count) == inserts, where
      assert ours.may_sample(count) == samples, where
      answers |= {('insert', inserts), ('sample', samples)}
    # One direction for a while, so that both bounds are met.
    go_on = table.can_insert(1), table.can_sample(1)
    inserting = go_on[0] and (not go_on[1] or rng.random() < 0.5)
    for _ in range(rng.integers(1, 6)):
      if inserting and table.can_insert(1):
        client.insert(np.int32(0), {'items': 1.0})
        ours.inserts += 1
      elif not inserting and table.can_sample(1):
        list(client.sample('items', 1))
        ours.samples += 1
  assert len(answers) == 4
  server.stop()


@pytest.mark.parametrize('capacity', [1, 3])
def test_the_queue_takes_as_many_items_as_reverbs(capacity):
  table = reverb.Table.queue(servers.QUEUE_TABLE, capacity)
  server = reverb.Server([table], port=None)
  client = server.localhost_client()
  taken = 0
  while table.can_insert(1):
    client.insert(np.int32(0), {servers.QUEUE_TABLE: 1.0})
    taken += 1
  server.stop()

  stop = threading.Event()
  ours = queue.TrajectoryQueue(
    np.zeros((), np.int32), capacity, items=1, should_stop=stop.is_set
  )
  stop.set()  # An item that finds no room is dropped.
  for _ in range(capacity + 3):
    ours.insert(np.zeros((), np.int32))
  assert ours.depth() == taken == capacity
