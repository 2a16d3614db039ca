"""Starting an end of the relay, and what stands in its way."""

import pathlib
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import addresses, start
from configs import errors

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
