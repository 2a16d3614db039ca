"""Network isolation, with a control run that shows each test could fail."""

import contextlib
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


# Whoever forks must have one thread only, as a test's process does not.
_TRY = """
import json, os
from attn_agents.distributed import isolation

def fail(error):
  raise error

found = []
for enter, confined in (
  (lambda flags: None, True),
  (lambda flags: None, False),
  (lambda flags: fail(OSError('no way')), True),
  (lambda flags: fail(ValueError), True),
  (lambda flags: os.kill(os.getpid(), 9), True),
):
  isolation._enter, isolation.is_confined = enter, lambda: confined
  files = os.listdir('/proc/self/fd')
  found.append(isolation._try_in_child(0))
  assert os.listdir('/proc/self/fd') == files
print(json.dumps(found))
"""


def test_a_way_is_tried_in_a_child():
  assert _python(_TRY) == [
    '',
    'other interfaces remain visible',
    'no way',
    'ValueError()',
    'child ended with status 9',
  ]
