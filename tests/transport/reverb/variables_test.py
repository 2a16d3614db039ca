import threading
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
  # The end of the process waits for none.
  polling = [t for t in threading.enumerate() if t.name == 'variable-poller']
  assert polling and all(t.daemon for t in polling)


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


@pytest.fixture(name='still')
def _still(monkeypatch):
  """A poller without a server and without its thread, and its clock."""
  now = [0.0]
  monkeypatch.setattr(variables.servers, 'wait_until_up', lambda address: None)
  monkeypatch.setattr(variables.reverb, 'Client', lambda address: None)
  monkeypatch.setattr(variables.threading.Thread, 'start', lambda self: None)
  monkeypatch.setattr(variables.time, 'monotonic', lambda: now[0])
  return variables.VariablePoller('nowhere:1'), now


def test_parameters_are_fetched_late_between_two_unrolls(still):
  poller, now = still
  due = []
  for time_of_unroll in (10.0, 14.0, 22.0, 24.0):
    now[0] = time_of_unroll
    poller.take()
    due.append(poller._fetch_at)
  # After three quarters of the shorter of the last two intervals, of which the
  # first is none: 0, 4 of 4 and 10, 4 of 4 and 8, 2 of 8 and 2.
  assert due == [10.0, 14.0 + 3.0, 22.0 + 3.0, 24.0 + 1.5]


def test_only_what_is_newer_is_fetched(still, monkeypatch):
  poller, _ = still
  there = {'version': 0}
  asked = []

  def sample(table):
    asked.append(table)
    if table == servers.VERSION_TABLE:
      return [np.int64(there['version'])]
    return [np.full(2, there['version']), np.int64(there['version'])]

  monkeypatch.setattr(poller, '_sample', sample)
  for version, known, fetches in ((0, 0, 1), (0, 0, 1), (3, 3, 2), (2, 3, 2)):
    there['version'] = version
    poller._poll()
    assert (poller._known, poller.fetches) == (known, fetches)
  assert poller.take()[0] == 3
  assert poller.take() is None
  assert asked.count(servers.PARAMETERS_TABLE) == 2


@pytest.mark.parametrize('eager', [False, True])
def test_pauses_between_looks(still, monkeypatch, eager):
  """Until what was fetched is due, but never less than the least."""
  poller, now = still
  poller._eager = eager
  pauses = []
  monkeypatch.setattr(variables.time, 'sleep', pauses.append)

  def poll():
    poller._fetch_at = now[0] + 7.0
    if len(pauses) == 2:
      raise KeyboardInterrupt

  monkeypatch.setattr(poller, '_poll', poll)
  poller._run()
  assert pauses == ([0.002, 0.002] if eager else [0.02, 7.0])
  with pytest.raises(RuntimeError, match='fetching parameters failed'):
    poller.wait(0)
