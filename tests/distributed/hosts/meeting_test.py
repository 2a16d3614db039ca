"""What hosts tell one another before a run, by a coordinator in memory."""

import contextlib
import socket
import threading

import pytest

from attn_agents.distributed.hosts import meeting, store


class _Coordinator:
  """Stands for what jaxlib has; listens as its service does.

  Attributes:
    called: what the service and the clients were made with.
  """

  def __init__(self):
    self.called, self._values = [], {}
    self._serves = threading.Event()
    self._all_there = threading.Event()
    self._clients = 0
    self._listener = None

  def get_distributed_runtime_service(self, address, count):
    self.called.append((address, count))
    host, port = address.rsplit(':', 1)
    self._count = count
    self._listener = socket.create_server((host, int(port)))
    self._serves.set()
    return self

  def get_distributed_runtime_client(self, address, index, **options):
    self.called.append((address, index, options))
    return self

  def connect(self):
    # Another host may have met the socket with which host 0 tries the port.
    self._serves.wait(20)
    self._clients += 1
    if self._clients == self._count:
      self._all_there.set()
    self._all_there.wait(20)

  def key_value_set(self, key, value, allow_overwrite=False):
    assert allow_overwrite
    self._values[key] = value

  def key_value_dir_get(self, key):
    return [x for x in self._values.items() if x[0].startswith(key)]

  def end(self):
    self._all_there.set()
    if self._listener is not None:
      self._listener.close()


@pytest.fixture(name='coordinator')
def _coordinator(monkeypatch):
  made = _Coordinator()
  monkeypatch.setattr(meeting, '_jaxlib', lambda: made)
  # It would be for the whole process.
  monkeypatch.setattr(store, 'outlast_aborts', lambda: None)
  monkeypatch.setattr(store, 'ASK_SECONDS', 0.02)
  monkeypatch.setattr(meeting, '_KEPT', [])
  with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as probe:
    made.address = f'127.0.0.1:{probe.getsockname()[1]}'
  yield made
  made.end()


def _meet(coordinator, *facts, refusals=('', ''), seconds=10.0):
  """What the hosts that come say; there should be two."""
  said = {}

  def come(index):
    said[index] = meeting._meet_or_say_why(
      meeting.Request(
        coordinator.address, 2, index, seconds, facts[index], refusals[index]
      )
    )
    if index == 0:
      # Its process ends, and the coordinator with it.
      coordinator.end()

  threads = [
    threading.Thread(target=come, args=(i,)) for i in range(len(facts))
  ]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join(30)
  return [said[index] for index in sorted(said)]


def test_hosts_that_are_to_run_the_same_find_nothing_wrong(coordinator):
  same = {'game': 'catch', 'commit': 'abc'}
  assert _meet(coordinator, same, same) == ['', '']
  address = coordinator.address
  options = {'init_timeout': 11, 'shutdown_on_destruction': False}
  assert (address, 2) in coordinator.called
  for index in range(2):
    assert (address, index, options) in coordinator.called
  # All have read what all have written.
  assert {'facts/0', 'facts/1', 'read/0'} <= set(coordinator._values)


def test_hosts_that_are_to_run_others_all_hear_of_it(coordinator):
  first, second = _meet(coordinator, {'game': 'catch'}, {'game': 'pong'})
  assert first == second
  assert 'catch on host 0' in first
  assert 'pong on host 1' in first


def test_what_one_host_cannot_do_all_hosts_are_told(coordinator):
  facts = {'game': 'catch'}
  said = _meet(coordinator, facts, facts, refusals=('', 'no GPU'))
  assert said == ['host 1: no GPU'] * 2


def test_a_host_that_does_not_come_is_missed(coordinator):
  (said,) = _meet(coordinator, {}, seconds=0.3)
  assert said == (
    f'of 2 learner hosts not all came to {coordinator.address} within 0.3 s'
  )


def test_a_host_that_comes_and_says_nothing_is_missed(coordinator, monkeypatch):
  monkeypatch.setattr(meeting, '_LAST_SECONDS', 0.2)
  silent = threading.Thread(target=coordinator.connect)
  silent.start()
  (said,) = _meet(coordinator, {'game': 'catch'}, seconds=0.3)
  silent.join(30)
  assert said == 'of 2 learner hosts only 1 said anything'


def test_a_coordinator_that_is_not_there_is_not_reached(coordinator):
  request = meeting.Request(coordinator.address, 2, 1, 0.1, {})
  assert meeting._meet_or_say_why(request) == (
    f'--coordinator_address={coordinator.address} cannot be reached within '
    '0.1 s (Connection refused); expected the address of host 0, where this '
    'command runs with --host_index=0'
  )


def test_a_port_that_is_taken_is_named(coordinator):
  host, port = coordinator.address.rsplit(':', 1)
  with socket.create_server((host, int(port))):
    (said,) = _meet(coordinator, {})
  assert said == (
    f'--coordinator_address={coordinator.address}: host 0 cannot listen there '
    '(Address already in use); expected an address of host 0 and a free port'
  )
