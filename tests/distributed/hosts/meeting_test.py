"""What hosts tell one another before a run, by a coordinator in memory."""

import contextlib
import dataclasses
import io
import json
import socket
import subprocess
import sys
import threading
import types

import pytest

from attn_agents.distributed import lifecycle
from attn_agents.distributed.hosts import meeting, store
from configs import errors
from tests import lingering
from tests.distributed import clocks, flushed


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


_REQUEST = meeting.Request('10.0.0.1:7', 2, 1, 7.0, {'game': 'catch'}, 'no GPU')


@pytest.mark.parametrize(
  ('code', 'out', 'err', 'line'),
  [
    (0, '', 'a warning', None),
    (2, 'host 1: no GPU\n', 'a warning', 'host 1: no GPU'),
    (1, '', 'x\nlast\n', 'hosts could not meet at 10.0.0.1:7: last'),
    (-9, '', '', 'hosts could not meet at 10.0.0.1:7: no message'),
  ],
)
def test_what_the_process_of_a_meeting_says_is_raised(
  monkeypatch, code, out, err, line
):
  asked = []

  def run(command, **options):
    asked.append((command, options))
    return subprocess.CompletedProcess(command, code, out, err)

  monkeypatch.setattr(meeting.subprocess, 'run', run)
  if line is None:
    meeting.meet(_REQUEST)
  else:
    with pytest.raises(errors.ConfigError) as caught:
      meeting.meet(_REQUEST)
    assert str(caught.value) == line
  ((command, options),) = asked
  assert command[1:] == ['-m', meeting.__name__]
  assert meeting.Request(**json.loads(options['input'])) == _REQUEST
  # It ends with this process, wherever this is.
  assert options['env'].items() >= lifecycle.known_parent().items()
  assert (options['cwd'] / 'attn_agents').is_dir()


@pytest.mark.parametrize(
  ('said', 'code', 'line'),
  [('', 0, ''), ('host 1: no GPU', 2, 'host 1: no GPU\n'),
   (None, 2, '10.0.0.1:7 does not answer any more\n')],
)  # fmt: skip
def test_the_process_says_in_one_line_what_is_wrong(
  monkeypatch, said, code, line
):
  waited, ended, left, output = [], [], [], flushed.Flushed()

  class _Thread:
    """Runs at once, or never ends."""

    def __init__(self, target, daemon):
      assert daemon
      self.start = target if said is not None else bool
      self.join = waited.append

  def meet(request):
    assert request == _REQUEST
    return said

  text = json.dumps(dataclasses.asdict(_REQUEST))
  for module, name, value in (
    (meeting.lifecycle, 'die_with_parent', lambda: left.append('dies')),
    (meeting.stopping, 'leave_to_parent', lambda: left.append('ignores')),
    (meeting.threading, 'Thread', _Thread),
    (meeting, '_meet_or_say_why', meet),
    (meeting.os, '_exit', ended.append),
    (sys, 'stdin', io.StringIO(text)),
    (sys, 'stdout', output),
  ):
    monkeypatch.setattr(module, name, value)
  meeting.main()
  assert (ended, output.flushed) == ([code], line)
  # For all to come, to say something and to leave.
  assert waited == [27.0]
  assert left == ['dies', 'ignores']


def test_an_error_is_one_short_line(monkeypatch):
  def fail(request):
    raise ValueError('no\n  way' + 'x' * 300)

  monkeypatch.setattr(meeting, '_meet', fail)
  said = meeting._meet_or_say_why(_REQUEST)
  start = 'hosts could not meet at 10.0.0.1:7: '
  assert said == start + 'no way' + 'x' * 194


@pytest.fixture(name='clock')
def _clock(monkeypatch):
  """Any sleep takes a second."""
  made = clocks.Clock(step=1.0)
  monkeypatch.setattr(meeting, 'time', made)
  return made


def _connections(monkeypatch, *results):
  """What each attempt to connect comes to, the last one for ever."""
  left, asked = list(results), []

  def connect(address, seconds):
    asked.append((address, seconds))
    result = left.pop(0) if len(left) > 1 else left[0]
    if result is not None:
      raise result
    return types.SimpleNamespace(close=lambda: None)

  monkeypatch.setattr(meeting.addresses, 'connect', connect)
  return asked


def test_a_coordinator_is_waited_for(clock, monkeypatch):
  asked = _connections(monkeypatch, OSError('no'), OSError('no'), None)
  assert meeting._wait_for_coordinator(_REQUEST, 107.0) == ''
  assert asked == [('10.0.0.1:7', 5.0)] * 3
  assert clock.slept == [0.2, 0.2]
  asked = _connections(monkeypatch, OSError('no way'))
  said = meeting._wait_for_coordinator(_REQUEST, 107.0)
  assert 'cannot be reached within 7 s (no way); expected' in said
  # Seconds 102 to 106.
  assert len(asked) == 5


@pytest.mark.parametrize(
  ('come', 'slept'), [(1, 1), (10, 10), (99, 10)]
)  # fmt: skip
def test_the_first_host_stays_until_all_have_read(clock, come, slept):
  def get(name):
    assert name == 'read'
    return {0: True, 1: True} if len(clock.slept) >= come else {0: True}

  put = []
  shared = types.SimpleNamespace(put=lambda *said: put.append(said), get=get)
  meeting._part(shared, dataclasses.replace(_REQUEST, index=0))
  assert put == [('read', True)]
  # Twenty times a second, for ten seconds at most.
  assert clock.slept == [0.05] * slept


@pytest.mark.parametrize(('there', 'slept'), [(2, 2), (99, 10)])
def test_others_leave_when_the_first_has_gone(clock, monkeypatch, there, slept):
  asked = _connections(monkeypatch, *[None] * there, OSError('gone'))
  put = threading.Event()
  shared = types.SimpleNamespace(
    put=lambda *said: put.set() if said == ('read', True) else None
  )
  meeting._part(shared, _REQUEST)
  assert put.wait(10)
  assert set(asked) == {('10.0.0.1:7', 1.0)}
  assert clock.slept == [0.05] * slept


def test_what_others_have_to_say_is_waited_for(clock, monkeypatch):
  """Ten seconds longer than for them to come."""
  said = {0: {'game': 'catch', 'refused': ''}}
  put = []
  shared = types.SimpleNamespace(
    put=lambda *words: put.append(words), get=lambda name: said
  )
  monkeypatch.setattr(meeting, '_wait_for_coordinator', lambda *_: '')
  monkeypatch.setattr(meeting, '_connect', lambda *_: shared)
  assert meeting._meet(_REQUEST) == 'of 2 learner hosts only 1 said anything'
  assert put == [('facts', {'game': 'catch', 'refused': 'no GPU'})]
  assert clock.slept == [0.05] * 18


def test_connections_that_still_close_leave_a_port_free():
  assert meeting._port_trouble(f'127.0.0.1:{lingering.port()}') == ''
