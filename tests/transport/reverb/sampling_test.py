"""Tests of asking a table for several items at a time."""

import numpy as np
import pytest

from attn_agents.transport.reverb import sampling

# isort: split
# After ours, which loads of TensorFlow what Reverb uses.
import reverb

_TABLE = 'queue'


@pytest.fixture(name='server')
def _server():
  server = reverb.Server([reverb.Table.queue(_TABLE, max_size=40)], port=None)
  client = reverb.Client(f'localhost:{server.port}')
  for i in range(30):
    client.insert([np.int32(i), np.full((2, 3), i, np.float32)], {_TABLE: 1.0})
  yield f'localhost:{server.port}', client
  server.stop()


@pytest.mark.parametrize('number', [1, 2, 8, 20])
def test_takes_so_many_in_their_order_and_no_more(server, number):
  address, client = server
  sampler = sampling.Sampler(address)
  got = list(sampler.sample(_TABLE, number))
  assert [int(x[0]) for x, _ in got] == list(range(number))
  np.testing.assert_array_equal(
    got[-1][1], np.full((1, 2, 3), number - 1, np.float32)
  )
  assert client.server_info()[_TABLE].current_size == 30 - number
  (after, _), *_ = sampler.sample(_TABLE, 1)
  assert int(after[0]) == number
