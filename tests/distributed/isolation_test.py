"""Network isolation, with a control run that shows each test could fail."""

import contextlib
import errno
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from attn_agents.distributed import isolation

_ROOT = pathlib.Path(__file__).parents[2]
_NOBODY = 65534

# Stands for a run: confine (unless told not to), listen on every interface as
# Reverb does, let a sibling process connect, report, serve until stdin closes.
_RUN = """
import ctypes, encodings.idna, json, os, signal, socket, sys, threading
from attn_agents.distributed import isolation
confine, uid, path = sys.argv[1] == 'confine', int(sys.argv[2]), sys.argv[3]
if uid != os.getuid():
  os.setgroups([]); os.setgid(uid); os.setuid(uid)
  # A process that changed its user may not write its own id maps until it
  # says so (or executes a program, as every real one has).
  ctypes.CDLL(None).prctl(4, 1)
result = isolation.confine_to_loopback() if confine else None
server = socket.create_server(('0.0.0.0', 0))
port = server.getsockname()[1]

def in_child(function):
  pid = os.fork()
  if pid == 0:
    try:
      function()
      os._exit(0)
    except OSError:
      os._exit(1)
  return pid

def connect():
  socket.create_connection(('127.0.0.1', port), 5).close()

inside = os.waitpid(in_child(connect), 0)[1] == 0
pid = in_child(signal.pause)
os.kill(pid, signal.SIGTERM)
signalled = os.waitpid(pid, 0)[1] == signal.SIGTERM
with open(path, 'w') as f:
  f.write('written by the run')
def accept():
  while True:
    server.accept()
threading.Thread(target=accept, daemon=True).start()
print(json.dumps(dict(
    port=port, uid=os.getuid(), inside=inside, signalled=signalled,
    confined=isolation.is_confined(),
    result=result and [result.confined, result.detail])), flush=True)
sys.stdin.read()
"""


def _needs_root() -> None:
  if os.getuid() != 0:
    pytest.skip('changing user needs root')


@contextlib.contextmanager
def _run(confine: bool, uid: int, path: pathlib.Path) -> Iterator[Any]:
  mode = 'confine' if confine else 'open'
  process = subprocess.Popen(
    [sys.executable, '-c', _RUN, mode, str(uid), str(path)],
    cwd=_ROOT,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  )
  with process:
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
  assert process.returncode == 0


def _reachable(address: str, port: int) -> bool:
  try:
    socket.create_connection((address, port), 2).close()
  except OSError:
    return False
  return True


@pytest.fixture
def written(tmp_path: pathlib.Path) -> pathlib.Path:
  """A file the unprivileged run may write, in a folder it may enter."""
  path = tmp_path / 'log'
  path.touch()
  path.chmod(0o666)
  for parent in path.parents:
    if parent.owner() == 'root' and parent.is_relative_to(
      '/tmp/pytest-of-root'
    ):
      parent.chmod(0o755)
  return path


@pytest.mark.parametrize('uid', [os.getuid(), _NOBODY])
def test_confined_run_is_reachable_from_inside_only(uid, written):
  if uid != os.getuid():
    _needs_root()
  with _run(True, uid, written) as run:
    assert run['result'][0], run['result'][1]
    assert run['confined']
    assert run['inside']
    assert not _reachable('127.0.0.1', run['port'])


@pytest.mark.parametrize('uid', [os.getuid(), _NOBODY])
def test_confined_run_keeps_user_files_and_children(uid, written):
  if uid != os.getuid():
    _needs_root()
  with _run(True, uid, written) as run:
    assert run['uid'] == uid
    assert run['signalled']
    assert written.read_text() == 'written by the run'


def test_unconfined_run_is_reachable(written):
  with _run(False, os.getuid(), written) as run:
    assert not run['confined']
    assert _reachable('127.0.0.1', run['port'])


@contextlib.contextmanager
def _other_host() -> Iterator[tuple[str, str]]:
  """A network namespace on a cable to ours, standing for another host.

  Yields:
    Its name for `ip netns exec`, and our address as seen from there.
  """
  if not shutil.which('ip'):
    pytest.skip('no `ip` program')
  _needs_root()
  name = f'aa{os.getpid()}'
  # TEST-NET-2 is for documentation, so it clashes with no real route.
  commands = (
    f'netns add {name}',
    f'link add {name}a type veth peer name {name}b netns {name}',
    f'addr add 198.51.100.1/30 dev {name}a',
    f'link set {name}a up',
    f'-n {name} addr add 198.51.100.2/30 dev {name}b',
    f'-n {name} link set {name}b up',
  )
  try:
    for command in commands:
      done = subprocess.run(
        ['ip', *command.split()], capture_output=True, text=True, check=False
      )
      if done.returncode:
        pytest.skip(f'ip {command}: {done.stderr.strip()}')
    yield name, '198.51.100.1'
  finally:
    for command in (f'link del {name}a', f'netns del {name}'):
      subprocess.run(['ip', *command.split()], capture_output=True, check=False)


def test_other_host_reaches_open_runs_only(written):
  knock = (
    'import socket, sys\n'
    'socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)'
  )
  reached = {}
  with _other_host() as (name, address):
    inside = ('ip', 'netns', 'exec', name)
    for confine in (False, True):
      with _run(confine, os.getuid(), written) as run:
        done = subprocess.run(
          [*inside, sys.executable, '-c', knock, address, str(run['port'])],
          capture_output=True,
          check=False,
        )
        reached[confine] = done.returncode == 0
  assert reached == {False: True, True: False}


def _python(code: str, prefix: tuple[str, ...] = ()) -> list[Any]:
  done = subprocess.run(
    [*prefix, sys.executable, '-c', code],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  return json.loads(done.stdout)


_REPORT = """
import json, os
from attn_agents.distributed import isolation
network = lambda: os.readlink('/proc/self/ns/net')
before = network()
result = isolation.confine_to_loopback()
print(json.dumps([result.confined, result.detail, before == network()]))
"""


def test_refusal_by_the_kernel_is_reported():
  # In a user namespace of its own a process may lower its own limits.
  forbid = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$0" "$@"'
  prefix = ('unshare', '--user', '--map-root-user', 'sh', '-c', forbid)
  if subprocess.run([*prefix, 'true'], check=False).returncode:
    pytest.skip('no user namespaces here')
  confined, detail, unchanged = _python(_REPORT, prefix)
  assert not confined
  assert 'max_*_namespaces' in detail
  assert unchanged


def test_each_refused_way_gives_its_reason():
  refuse = """
import errno
from attn_agents.distributed import isolation
def refuse(flags):
  raise PermissionError(errno.EPERM, f'not {flags:#x}')
isolation._unshare = refuse
"""
  confined, detail, unchanged = _python(refuse + _REPORT)
  assert not confined
  assert 'not 0x40000000' in detail
  assert 'not 0x50000000' in detail
  assert unchanged


def test_half_finished_isolation_is_not_entered():
  # Ubuntu's AppArmor lets the namespace be made, then forbids to set it up.
  refuse = """
import errno
from attn_agents.distributed import isolation
allow = isolation.fcntl.ioctl
def refuse(device, request, *rest):
  if request == 0x8914:  # SIOCSIFFLAGS
    raise PermissionError(errno.EPERM, 'Operation not permitted')
  return allow(device, request, *rest)
isolation.fcntl.ioctl = refuse
"""
  confined, detail, unchanged = _python(refuse + _REPORT)
  assert not confined
  assert 'bringing lo up' in detail
  assert unchanged


def test_confining_twice_stays_in_one_namespace():
  code = """
import json, os
from attn_agents.distributed import isolation
seen = []
for _ in range(2):
  confined = isolation.confine_to_loopback().confined
  seen.append([confined, os.readlink('/proc/self/ns/net')])
print(json.dumps(seen))
"""
  first, second = _python(code)
  assert first[0]
  assert first == second


def test_running_threads_are_an_error():
  code = """
import json, threading
from attn_agents.distributed import isolation
release = threading.Event()
threading.Thread(target=release.wait).start()
try:
  print(json.dumps(str(isolation.confine_to_loopback())))
except RuntimeError as e:
  print(json.dumps(str(e)))
release.set()
"""
  assert '2 threads' in _python(code)


# Joins a confined process with a socket that listens outside, and tells from
# where it can be reached and what it reaches.
_JOIN = """
import ctypes, encodings.idna, json, os, socket, sys
from attn_agents.distributed import isolation
uid = int(sys.argv[1])
if uid != os.getuid():
  os.setgroups([]); os.setgid(uid); os.setuid(uid)
  ctypes.CDLL(None).prctl(4, 1)
receiving, sending = os.pipe()
pid = os.fork()
if pid == 0:
  isolation.confine_to_loopback()
  inside = socket.create_server(('127.0.0.1', 0))
  os.write(sending, str(inside.getsockname()[1]).encode())
  inside.accept()[0].sendall(b'inside')
  os._exit(0)
port = int(os.read(receiving, 10))
outside = socket.create_server(('127.0.0.1', 0))
network = lambda pid: os.readlink(f'/proc/{pid}/ns/net')
before = network('self')
isolation.join(pid)
joined = [before != network('self') == network(pid), isolation.is_confined()]
isolation.join(pid)
client = socket.create_connection(('127.0.0.1', port), 5)
told = client.recv(6).decode()
print(json.dumps(joined + [told, outside.getsockname()[1]]), flush=True)
outside.accept()[0].sendall(b'outside')
"""


@pytest.mark.parametrize('uid', [os.getuid(), _NOBODY])
def test_a_process_in_another_network_keeps_what_it_listens_on(uid):
  if uid != os.getuid():
    _needs_root()
  with subprocess.Popen(
    [sys.executable, '-c', _JOIN, str(uid)],
    cwd=_ROOT,
    stdout=subprocess.PIPE,
    text=True,
  ) as process:
    assert process.stdout is not None
    *told, port = json.loads(process.stdout.readline())
    assert told == [True, True, 'inside']
    with socket.create_connection(('127.0.0.1', port), 5) as client:
      assert client.recv(7) == b'outside'
  assert process.returncode == 0


def test_nobody_joins_with_threads_or_a_process_that_is_gone():
  code = """
import json, subprocess, threading
from attn_agents.distributed import isolation
gone = subprocess.Popen(['true'])
gone.wait()
found = []
try:
  isolation.join(gone.pid)
except OSError as e:
  found.append(type(e).__name__)
release = threading.Event()
threading.Thread(target=release.wait).start()
try:
  isolation.join(gone.pid)
except RuntimeError as e:
  found.append(str(e))
release.set()
print(json.dumps(found))
"""
  missing, threads = _python(code)
  assert missing == 'FileNotFoundError'
  assert '2 threads' in threads


@pytest.mark.parametrize(
  ('names', 'up', 'confined'),
  [
    (['lo'], ['lo'], True), (['lo'], [], True),
    (['lo', 'eth0'], ['lo', 'eth0'], False),
    # It may come up during the run.
    (['lo', 'eth0'], ['lo'], False),
    # Of the kernel's own, which nothing passes while it is down.
    (['lo', 'sit0'], ['lo'], True), (['lo', 'sit0'], ['lo', 'sit0'], False),
  ],
)  # fmt: skip
def test_a_confined_process_sees_nothing_but_loopback(
  monkeypatch, names, up, confined
):
  monkeypatch.setattr(
    isolation.socket, 'if_nameindex', lambda: list(enumerate(names))
  )
  # Beside IFF_UP, 1, there are others, as IFF_MULTICAST.
  monkeypatch.setattr(isolation, '_flags', lambda name: 0x1000 + (name in up))
  assert isolation.is_confined() is confined


def test_elsewhere_there_are_no_namespaces(monkeypatch):
  monkeypatch.setattr(isolation.sys, 'platform', 'darwin')
  assert isolation.confine_to_loopback() == isolation.Isolation(
    False, 'darwin has no network namespaces'
  )


def test_who_is_confined_stays_where_it_is(monkeypatch):
  monkeypatch.setattr(isolation, 'is_confined', lambda: True)
  monkeypatch.setattr(isolation, '_is_up', lambda name: name == 'lo')
  assert isolation.confine_to_loopback() == isolation.Isolation(
    True, 'loopback is the only interface'
  )


_WAYS = ('network namespace', 'user and network namespaces')


@pytest.mark.parametrize(
  ('refusals', 'confined', 'detail', 'entered'),
  [
    (('', ''), True, _WAYS[0], [0x40000000]),
    (('no', ''), True, _WAYS[1], [0x50000000]),
    (('no', 'nor'), False, f'{_WAYS[0]}: no; {_WAYS[1]}: nor', []),
  ],
)
def test_the_way_that_needs_least_is_taken(
  monkeypatch, refusals, confined, detail, entered
):
  did, left = [], list(refusals)
  monkeypatch.setattr(isolation, 'is_confined', lambda: False)
  monkeypatch.setattr(isolation.os, 'listdir', lambda path: ['1'])
  monkeypatch.setattr(isolation, '_try_in_child', lambda flags: left.pop(0))
  monkeypatch.setattr(isolation, '_enter', did.append)
  assert isolation.confine_to_loopback() == isolation.Isolation(
    confined, detail
  )
  assert did == entered


def _raise(error):
  raise error


@pytest.mark.parametrize(
  ('enter', 'confined', 'refusal'),
  [
    (lambda flags: None, True, ''),
    (lambda flags: None, False, 'other interfaces remain visible'),
    (lambda flags: _raise(OSError('no way')), True, 'no way'),
    (lambda flags: _raise(ValueError), True, 'ValueError()'),
    (lambda flags: os.kill(os.getpid(), 9), True, 'child ended with status 9'),
  ],
)
def test_a_way_is_tried_in_a_child(monkeypatch, enter, confined, refusal):
  monkeypatch.setattr(isolation, '_enter', enter)
  monkeypatch.setattr(isolation, 'is_confined', lambda: confined)
  open_files = os.listdir('/proc/self/fd')
  assert isolation._try_in_child(0) == refusal
  assert os.listdir('/proc/self/fd') == open_files


def test_a_namespace_that_cannot_be_entered_is_left_closed():
  # Into its own user namespace no process may move; some may not move at all.
  path = '/proc/self/ns/user'
  open_files = os.listdir('/proc/self/fd')
  with pytest.raises(OSError, match=r'setns refused: [IO]') as caught:
    isolation._set_namespace(path)
  assert caught.value.errno in (errno.EINVAL, errno.EPERM)
  assert caught.value.filename == path
  assert os.listdir('/proc/self/fd') == open_files
