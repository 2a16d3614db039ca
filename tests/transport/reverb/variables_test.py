import time

import numpy as np
import pytest

from attn_agents.transport.reverb import servers, variables

SIZE = 5


@pytest.fixture(name='address')
def _address():
  server = servers.variable_server(SIZE)
  yield f'127.0.0.1:{server.port}'
  server.stop()


def _wait_for(poller, timeout=5.0):
  deadline = time.monotonic() + timeout
  while time.monotonic() < deadline:
    newest = poller.take()
    if newest is not None:
      return newest
    time.sleep(0.01)
  raise AssertionError('nothing arrived')


def test_the_newest_parameters_arrive_with_their_version(address):
  publisher = variables.VariablePublisher(address)
  publisher.publish(np.arange(SIZE, dtype=np.float32), 3)
  poller = variables.VariablePoller(address)
  assert poller.wait(5)
  version, values = poller.take()
  assert version == 3
  assert values.dtype == np.float32
  np.testing.assert_array_equal(values, np.arange(SIZE))
  publisher.publish(np.full(SIZE, 9, np.float32), 4)
  version, values = _wait_for(poller)
  assert version == 4
  np.testing.assert_array_equal(values, np.full(SIZE, 9))


def test_unchanged_parameters_are_not_sent_again(address):
  publisher = variables.VariablePublisher(address)
  publisher.publish(np.zeros(SIZE, np.float32), 0)
  poller = variables.VariablePoller(address)
  assert poller.wait(5)
  assert poller.take() is not None
  time.sleep(0.5)  # About ten polls.
  assert poller.fetches == 1
  assert poller.take() is None
  publisher.publish(np.zeros(SIZE, np.float32), 1)
  _wait_for(poller)
  assert poller.fetches == 2


def test_nothing_blocks_before_the_first_publication(address):
  poller = variables.VariablePoller(address)
  start = time.monotonic()
  assert poller.take() is None
  assert not poller.wait(0.2)
  assert time.monotonic() - start < 2


def test_only_the_newest_is_kept(address):
  publisher = variables.VariablePublisher(address)
  for version in range(20):
    publisher.publish(np.full(SIZE, version, np.float32), version)
  poller = variables.VariablePoller(address)
  assert poller.wait(5)
  version, values = poller.take()
  assert version == 19
  np.testing.assert_array_equal(values, np.full(SIZE, 19))


@pytest.mark.parametrize('look', ['take', 'wait'])
def test_a_dead_poller_is_noticed_by_whoever_looks(address, monkeypatch, look):
  def fail(self, table):
    raise ValueError('no such array')

  variables.VariablePublisher(address).publish(np.zeros(SIZE, np.float32), 0)
  monkeypatch.setattr(variables.VariablePoller, '_sample', fail)
  poller = variables.VariablePoller(address, eager=True)
  start = time.monotonic()
  with pytest.raises(RuntimeError, match='no such array'):
    while time.monotonic() - start < 5:
      poller.take() if look == 'take' else poller.wait(5)
  assert time.monotonic() - start < 4
