"""Starting an end of the relay, and what stands in its way."""

import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tempfile

import pytest

from attn_agents.distributed import lifecycle, run_key
from attn_agents.distributed.relay import addresses, serving, start
from attn_agents.utils import patience
from configs import errors
from tests.distributed import open_files

_ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(name='key', scope='module')
def _key(tmp_path_factory):
  return run_key.make_or_load(tmp_path_factory.mktemp('run'))


def _free() -> str:
  with socket.create_server(('127.0.0.1', 0)) as free:
    return f'127.0.0.1:{free.getsockname()[1]}'


def _listen() -> socket.socket:
  return addresses.listen(_free())


def test_an_end_that_cannot_start_says_why(key, tmp_path):
  gone = key.__class__(f'{tmp_path}/gone', key.role, key.authority, key.run)
  relay = start.learner_end(_listen(), gone, {}, tmp_path)
  with pytest.raises(errors.ConfigError) as caught:
    relay.wait()
  line = str(caught.value)
  assert '\n' not in line
  assert 'gone: there is no such file' in line
  assert 'relay-0.log' in line
  relay.close()


def test_an_end_that_is_killed_is_not_waited_for(key, tmp_path):
  relay = start.learner_end(_listen(), key, {}, tmp_path)
  relay.process.kill()
  relay.process.wait()
  with pytest.raises(errors.ConfigError, match='did not start'):
    relay.wait()


def test_an_end_without_a_port_serves_its_own_host(key, tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as service:
    address = '{}:{}'.format(*service.getsockname())
    relay = start.learner_end(
      None, key, {'queue': address}, tmp_path, local=['queue']
    )
    relay.wait()
    with (
      addresses.connect(relay.local('queue'), 10) as client,
      service.accept()[0] as accepted,
    ):
      accepted.sendall(b'here')
      assert client.recv(4) == b'here'
  relay.close()
  assert relay.process.returncode == 0


_STALE = '{"role": "relay", "index": 0, "pid": 1, "state": "running"}'


def test_what_an_earlier_end_said_does_not_count(key, tmp_path):
  (tmp_path / 'status').mkdir()
  (tmp_path / 'status' / 'relay-0.json').write_text(_STALE)
  relay = start.learner_end(_listen(), key, {}, tmp_path)
  relay.process.send_signal(signal.SIGSTOP)
  with pytest.raises(errors.ConfigError, match='did not start'):
    relay.wait(0.5)
  relay.process.send_signal(signal.SIGCONT)
  relay.wait()
  relay.close()
  assert relay.process.returncode == 0


_REFUSED = """
import sys
from attn_agents.distributed import run_key
from attn_agents.distributed.relay import addresses, start
from configs import errors
key = run_key.make_or_load(sys.argv[1])
listening = addresses.listen(sys.argv[2])
relay = start.learner_end(listening, key, {}, sys.argv[1], confine=True)
try:
  relay.wait()
except errors.ConfigError as error:
  print(error)
relay.close()
"""


def test_a_system_without_namespaces_is_told(tmp_path):
  # In a user namespace of its own a process may lower its own limits.
  forbid = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$0" "$@"'
  prefix = ('unshare', '--user', '--map-root-user', 'sh', '-c', forbid)
  if subprocess.run([*prefix, 'true'], check=False).returncode:
    pytest.skip('no user namespaces here')
  done = subprocess.run(
    [*prefix, sys.executable, '-c', _REFUSED, str(tmp_path), _free()],
    cwd=_ROOT, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done
  (line,) = done.stdout.splitlines()
  assert 'cannot keep Reverb to itself' in line
  assert '--allow_open_ports' in line


def test_a_directory_too_long_for_sockets_is_told(key, tmp_path, monkeypatch):
  long = tmp_path / ('x' * 100)
  long.mkdir()
  monkeypatch.setattr(tempfile, 'tempdir', str(long))
  with pytest.raises(errors.ConfigError, match='is too long for a Unix socket'):
    start.learner_end(_listen(), key, {}, tmp_path, local=['queue'])
  assert list(long.iterdir()) == []


class _Process:
  """Notes what is asked of it; it ends when it is killed."""

  pid = 77

  def __init__(self):
    self.done = []

  def poll(self):
    return None

  def send_signal(self, number):
    self.done.append(number)

  def wait(self, seconds=None):
    self.done.append(seconds)
    if seconds is not None:
      raise subprocess.TimeoutExpired('relay', seconds)

  def kill(self):
    self.done.append('killed')


def _starts(monkeypatch, tmp_path):
  """What is started, without starting it."""
  started = []

  def popen(command, **options):
    settings = json.loads(command[-1].removeprefix('--settings='))
    for descriptor in options['pass_fds']:
      assert stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    started.append((command[:-1], settings, options))
    return _Process()

  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  monkeypatch.setattr(start.subprocess, 'Popen', popen)
  return started


def test_a_learners_end_is_started_with_what_it_needs(
  key, tmp_path, monkeypatch
):
  started = _starts(monkeypatch, tmp_path)
  listening = _listen()
  where = '{}:{}'.format(*listening.getsockname())
  descriptor = listening.fileno()
  relay = start.learner_end(
    listening, key, {'queue': 'q:1'}, tmp_path / 'run', local=['queue'],
    join=7, limits=serving.Limits(lost_seconds=2.0), facts='{}',
  )  # fmt: skip
  ((command, settings, options),) = started
  assert command == [
    sys.executable, '-m', 'attn_agents.distributed.relay.process',
  ]  # fmt: skip
  here = settings['local']['queue']
  assert settings == {
    'what': f"TLS 1.3 with the run's key {key.run} on {where}",
    'role': 'learner',
    'services': {'queue': 'q:1'},
    'facts': '{}',
    'listening': [descriptor],
    'key': key.path,
    'logdir': str(tmp_path / 'run'),
    'local': {'queue': here},
    'directory': relay.directory,
    'join': 7,
    'confine': False,
    'limits': {**serving.Limits()._asdict(), 'lost_seconds': 2.0},
  }
  assert options.pop('env').items() >= lifecycle.known_parent().items()
  assert options == {
    'stdin': subprocess.DEVNULL,
    'cwd': _ROOT,
    'pass_fds': [descriptor, here],
    # Ctrl-C reaches the run's parent only.
    'start_new_session': True,
  }
  # The new process alone has them.
  assert listening.fileno() == -1
  assert (relay.pid, relay.logdir) == (77, settings['logdir'])
  assert relay.local('queue') == f'unix:{relay.directory}/queue'
  made = pathlib.Path(relay.directory)
  assert made.parent == tmp_path
  assert made.name.startswith('attn_agents_')
  assert [path.name for path in made.iterdir()] == ['queue']
  assert stat.S_IMODE(made.stat().st_mode) == 0o700
  relay.close()
  # One that does not end by itself is killed.
  assert relay.process.done == [signal.SIGTERM, 5.0, 'killed', None]
  assert not made.exists()
  relay.close()


def test_an_actors_end_is_in_the_real_network(key, tmp_path, monkeypatch):
  started = _starts(monkeypatch, tmp_path)
  relay = start.actor_end('h:7', key, ['queue'], tmp_path)
  ((_, settings, options),) = started
  assert (settings['join'], settings['confine']) == (0, False)
  assert settings['limits'] == serving.Limits()._asdict()
  assert (settings['role'], settings['listening']) == ('actor', [])
  assert settings['learner_address'] == 'h:7'
  assert settings['what'] == f"to h:7 by TLS 1.3 with the run's key {key.run}"
  assert options['pass_fds'] == [settings['local']['queue']]
  relay.close()


def test_an_end_without_a_port_stays_where_it_is(key, tmp_path, monkeypatch):
  started = _starts(monkeypatch, tmp_path)
  relay = start.learner_end(None, key, {}, tmp_path)
  ((_, settings, _),) = started
  assert settings['what'] == 'for this host only'
  assert (settings['join'], settings['confine']) == (0, False)
  assert (settings['listening'], settings['directory']) == ([], '')
  assert list(tmp_path.iterdir()) == []
  relay.close()


def test_what_cannot_be_started_leaves_no_directory(key, tmp_path, monkeypatch):
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  removes = []

  def fail(command, **options):
    (made,) = tmp_path.iterdir()
    if removes:
      start.shutil.rmtree(made)
    raise OSError('no more processes')

  monkeypatch.setattr(start.subprocess, 'Popen', fail)
  for _ in range(2):
    with pytest.raises(OSError, match='no more processes'):
      start.learner_end(None, key, {}, tmp_path, local=['queue'])
    assert list(tmp_path.iterdir()) == []
    # Nor does it fail where there is none.
    removes.append(True)


def test_a_unix_socket_may_have_107_bytes(key, tmp_path, monkeypatch):
  _starts(monkeypatch, tmp_path)
  most = 107 - len(f'{tmp_path}/attn_agents_12345678/')
  start.learner_end(None, key, {}, tmp_path, local=['x' * most]).close()
  with pytest.raises(errors.ConfigError, match='expected at most 107 bytes'):
    start.learner_end(None, key, {}, tmp_path, local=['x' * (most + 1)])


def test_a_directory_without_sockets_is_told(key, tmp_path, monkeypatch):
  _starts(monkeypatch, tmp_path)
  monkeypatch.setattr(tempfile, 'mkdtemp', lambda prefix: f'{tmp_path}/gone')
  # Not even while somebody looks at where it failed.
  with open_files.none_left():
    with pytest.raises(errors.ConfigError) as caught:
      start.learner_end(None, key, {}, tmp_path, local=['queue'])
    assert caught.tb
  assert str(caught.value).startswith(
    f'TMPDIR={tmp_path} takes no Unix socket (No such file or directory); '
  )


def _status(role, pid, state, detail=''):
  return lifecycle.Status(role, 0, pid, state, detail)


def _waits(monkeypatch, *looks):
  """What `Relay.wait` finds at each look; the last one stays."""
  slept, looks = [], list(looks)

  def read(logdir):
    assert logdir == '/run'
    return iter(looks.pop(0) if len(looks) > 1 else looks[0])

  monkeypatch.setattr(lifecycle, 'read_statuses', read)
  monkeypatch.setattr(patience, '_now', lambda: sum(slept))
  monkeypatch.setattr(start.time, 'sleep', slept.append)
  return slept


def test_an_end_is_waited_for_until_it_runs(monkeypatch):
  slept = _waits(
    monkeypatch, [], [_status('relay', 77, 'starting')],
    [_status('actor', 5, 'running'), _status('relay', 77, 'running')],
  )  # fmt: skip
  start.Relay(_Process(), '', '/run').wait()
  assert slept == [0.05, 0.05]


def test_an_end_that_says_nothing_is_waited_for_half_a_minute(monkeypatch):
  others = [_status('actor', 77, 'running'), _status('relay', 5, 'failed')]
  slept = _waits(monkeypatch, others)
  with pytest.raises(errors.ConfigError, match='did not start'):
    start.Relay(_Process(), '', '/run').wait()
  assert sum(slept) == pytest.approx(30.0, abs=0.1)


def test_an_end_that_has_failed_is_not_waited_for(monkeypatch):
  slept = _waits(monkeypatch, [_status('relay', 77, 'failed', 'no network')])
  with pytest.raises(errors.ConfigError) as caught:
    start.Relay(_Process(), '', '/run').wait()
  assert str(caught.value).startswith(
    'the relay between hosts: no network (/run/logs/relay-0.log); '
  )
  assert slept == []
