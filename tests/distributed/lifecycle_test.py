import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.distributed import lifecycle, outcome
from tests.distributed import flushed


def test_status_round_trip_and_extra_facts_stay(tmp_path):
  file = lifecycle.StatusFile(tmp_path, 'learner', 3)
  file.set('starting', 'two\nlines', frames=5)
  file.set('running', 'x')
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.name == 'learner-3'
  assert (status.state, status.detail) == ('running', 'x')
  assert status.extra == {'frames': 5}
  assert status.pid == os.getpid()
  lifecycle.clear_statuses(tmp_path)
  assert not list(lifecycle.read_statuses(tmp_path))


def test_status_is_one_line(tmp_path):
  lifecycle.StatusFile(tmp_path, 'queue').set('failed', 'a\n  b\n')
  text = (tmp_path / 'status' / 'queue-0.json').read_text()
  assert json.loads(text)['detail'] == 'a b'


def test_a_status_without_room_is_written_over_the_old_one(
  tmp_path, monkeypatch
):
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('starting', 'a long detail ' * 9)
  path = tmp_path / 'status' / 'learner-0.json'
  size = path.stat().st_size

  def refuse(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_text', refuse)
  error = OSError(errno.ENOSPC, 'No space left on device')
  file.set('running', 'training')
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.state, status.detail) == ('running', 'training')
  assert path.stat().st_size == size
  file.set_failed(error)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.state == 'failed'
  assert status.detail.startswith(f'StorageError: no room in {tmp_path} (')
  assert [p.name for p in path.parent.iterdir()] == ['learner-0.json']


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.EIO, os.strerror(errno.EIO), '/usr/roms/pong.bin'),
    RuntimeError('pty read: Input/output error'),
  ],
)
def test_what_is_no_full_disk_is_told_as_it_is(tmp_path, error):
  file = lifecycle.StatusFile(tmp_path, 'actor')
  file.set_failed(error)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.detail == f'{type(error).__name__}: {error}'


def test_what_is_half_written_is_removed_and_other_errors_are_raised(
  tmp_path, monkeypatch
):
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('starting')
  path = tmp_path / 'status' / 'learner-0.json'

  def refuse(*_):
    raise OSError(number, os.strerror(number))

  monkeypatch.setattr(os, 'replace', refuse)
  number = errno.EDQUOT
  file.set('running')
  assert [p.name for p in path.parent.iterdir()] == ['learner-0.json']
  number = errno.EINVAL
  with pytest.raises(OSError, match='Invalid argument'):
    file.set('running', 'more')


def test_a_status_that_finds_no_room_in_place_leaves_the_old_one(
  tmp_path, monkeypatch
):
  """Whether the longer text or the place of the old one cannot be written."""
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('starting', 'short')
  path = tmp_path / 'status' / 'learner-0.json'
  before = path.read_bytes()
  write, left = os.pwrite, [0]

  def take(file, data, offset):
    part = data[: left[0]]
    if not part and data != before:
      raise OSError(errno.ENOSPC, 'No space left on device')
    left[0] -= len(part)
    return write(file, part or data, offset)

  def refuse(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_text', refuse)
  monkeypatch.setattr(os, 'pwrite', take)
  monkeypatch.setattr(sys, 'stdout', output := flushed.Flushed())
  for number, room in enumerate((0, 30, 120), 1):
    left[0] = room
    file.set('running', 'a longer detail ' * 5)
    assert path.read_bytes() == before
    told = output.flushed.splitlines()
    assert len(told) == number
    assert told[-1].startswith('status not written ([Errno 28] No space left ')
    assert told[-1].count('a longer detail') == 5
  left[0] = 10**6
  file.set('running', 'a longer detail ' * 5)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.state == 'running'


@pytest.mark.parametrize('kept', [0, 60, 100])
def test_a_status_that_stays_damaged_is_told(tmp_path, monkeypatch, kept):
  lifecycle.StatusFile(tmp_path, 'actor_supervisor', 3).set('running', 'x' * 99)
  path = tmp_path / 'status' / 'actor_supervisor-3.json'
  path.write_bytes(path.read_bytes()[:kept])
  slept = []
  monkeypatch.setattr(time, 'sleep', slept.append)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.name, status.state) == ('actor_supervisor-3', 'unreadable')
  assert status.pid == (os.getpid() if kept else lifecycle.UNKNOWN_PID)
  assert status.detail == f'{path} is damaged'
  assert status.time == path.stat().st_mtime
  # As often, and as shortly after one another.
  assert slept == [0.01] * 5
  # Alive, or nobody knows.
  assert not outcome.first_dead([status])


def test_the_death_of_a_process_is_seen_though_its_status_is_damaged(tmp_path):
  child = _python('')
  child.wait()
  status = tmp_path / 'status' / 'learner-0.json'
  status.parent.mkdir()
  status.write_text(f'{{"role": "learner", "index": 0, "pid": {child.pid}, "s')
  dead = outcome.first_dead(list(lifecycle.read_statuses(tmp_path)))
  assert dead.startswith(f'learner-0: it (pid {child.pid}) was killed')


def test_what_cannot_be_encoded_is_logged_and_ends_no_process(tmp_path):
  child = _python(
    'import os, sys\n'
    'from attn_agents.distributed import lifecycle\n'
    f'lifecycle.log_to_file({str(tmp_path)!r}, "actor-0")\n'
    'print("out \\udcff", flush=True)\n'
    'print("err \\udcff", file=sys.stderr, flush=True)\n'
    'os._exit(7)\n'
  )
  assert child.wait(timeout=60) == 7
  log = (tmp_path / 'logs' / 'actor-0.log').read_text()
  assert 'out \\udcff' in log and 'err \\udcff' in log


def test_a_status_that_is_being_written_is_read_again(tmp_path, monkeypatch):
  lifecycle.StatusFile(tmp_path, 'learner').set('running', 'x')
  path = tmp_path / 'status' / 'learner-0.json'
  whole = path.read_text()
  path.write_text(whole[: len(whole) // 2])
  monkeypatch.setattr(time, 'sleep', lambda _: path.write_text(whole))
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.detail == 'x'


def test_a_log_without_room_does_not_end_its_process(tmp_path):
  child = _python(
    'import os, resource, sys\n'
    'from attn_agents.distributed import lifecycle\n'
    f'lifecycle.log_to_file({str(tmp_path)!r}, "actor-0")\n'
    'print("before")\n'
    'size = os.fstat(1).st_size + 4\n'
    'resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n'
    'print("too long a line", flush=True)\n'
    'print("and to stderr", file=sys.stderr, flush=True)\n'
    'os._exit(7)\n'
  )
  assert child.wait(timeout=60) == 7
  assert 'before' in (tmp_path / 'logs' / 'actor-0.log').read_text()


def _python(code, **kwargs):
  return subprocess.Popen(
    [sys.executable, '-c', code],
    cwd=pathlib.Path(lifecycle.__file__).parents[2],
    stdout=subprocess.PIPE,
    text=True,
    **kwargs,
  )


def test_stop_signal_is_seen_and_does_not_kill():
  child = _python(
    'from attn_agents.distributed import lifecycle\n'
    'stop = lifecycle.StopSignal()\n'
    'print("ready", flush=True)\n'
    'stop.event.wait()\n'
    'print("stopped", stop())\n'
  )
  assert child.stdout.readline() == 'ready\n'
  child.send_signal(signal.SIGTERM)
  assert child.stdout.readline() == 'stopped True\n'
  assert child.wait(timeout=10) == 0


def _parent_and_child(before=''):
  """A process, and the pid of its child that dies with it."""
  parent = _python(
    'import subprocess, sys, time\n'
    'code = "from attn_agents.distributed import lifecycle; import time;'
    f'{before}'
    'lifecycle.die_with_parent(); print(1, flush=True); time.sleep(60)"\n'
    'child = subprocess.Popen([sys.executable, "-c", code],'
    ' stdout=subprocess.PIPE)\n'
    'child.stdout.readline()\n'
    'print(child.pid, flush=True)\n'
    'time.sleep(60)\n'
  )
  return parent, int(parent.stdout.readline())


def _wait_until_gone(pid):
  deadline = time.monotonic() + 10
  while lifecycle.is_alive(pid):
    assert time.monotonic() < deadline, 'the child outlived its parent'
    time.sleep(0.05)


def test_a_process_dies_with_its_parent():
  parent, pid = _parent_and_child()
  assert psutil.pid_exists(pid)
  parent.kill()
  parent.wait()
  _wait_until_gone(pid)


@pytest.mark.parametrize('has_prctl', [True, False])
def test_a_process_whose_parent_died_before_it_asked_ends(has_prctl):
  parent = _python(
    'import os, subprocess, sys, time\n'
    'from attn_agents.distributed import lifecycle\n'
    'code = "from attn_agents.distributed import lifecycle; import os, time;'
    f'lifecycle._HAS_PRCTL = {has_prctl}; first = os.getppid();'
    'print(1, flush=True);'
    "exec('while os.getppid() == first: time.sleep(0.05)');"
    'lifecycle.die_with_parent(); time.sleep(60)"\n'
    'child = subprocess.Popen([sys.executable, "-c", code],'
    ' env={**os.environ, **lifecycle.known_parent()},'
    ' stdout=subprocess.PIPE)\n'
    'child.stdout.readline()\n'
    'print(child.pid, flush=True)\n'
    'time.sleep(60)\n'
  )
  pid = int(parent.stdout.readline())
  parent.kill()
  parent.wait()
  _wait_until_gone(pid)


def test_the_parent_is_not_inherited(monkeypatch):
  name, pid = lifecycle.known_parent().popitem()
  assert int(pid) == os.getpid()
  monkeypatch.setenv(name, str(os.getppid()))
  lifecycle.die_with_parent(0)
  assert name not in os.environ


def test_logs_append_and_catch_native_output(tmp_path):
  code = (
    'import os, sys\n'
    'from attn_agents.distributed import lifecycle\n'
    'print("early", end="")\n'
    'print("early", end="", file=sys.stderr)\n'
    'files = os.listdir("/proc/self/fd")\n'
    f'lifecycle.log_to_file({str(tmp_path)!r}, "learner-0")\n'
    'assert os.listdir("/proc/self/fd") == files\n'
    'print("python")\n'
    'os.write(2, b"native\\n")\n'
  )
  for _ in range(2):
    child = _python(code, stderr=subprocess.PIPE)
    # What was said before goes where it was said.
    assert child.communicate(timeout=20) == ('early', 'early')
    assert child.returncode == 0
  text = (tmp_path / 'logs' / 'learner-0.log').read_text()
  assert 'early' not in text
  mode = (tmp_path / 'logs' / 'learner-0.log').stat().st_mode
  assert mode & 0o777 == 0o644 & ~_umask()
  assert text.count('--- learner-0, pid') == 2
  assert text.count('python') == 2
  assert text.count('native') == 2


def _umask():
  mask = os.umask(0)
  os.umask(mask)
  return mask


def test_nothing_is_written_after_the_final_status(tmp_path):
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('stopped')
  file.set('running', 'training')
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.state == 'stopped'


def test_a_former_run_is_waited_for_but_not_a_reused_pid(tmp_path):
  child = _python('import time; time.sleep(60)')
  try:
    file = lifecycle.StatusFile(tmp_path, 'learner')
    file.set('running')
    path = tmp_path / 'status' / 'learner-0.json'
    status = json.loads(path.read_text())
    path.write_text(json.dumps({**status, 'pid': child.pid}))
    start = time.monotonic()
    assert not lifecycle.wait_for_former_run(tmp_path, timeout=1.0)
    assert time.monotonic() - start >= 1.0
    (left,) = lifecycle.left_behind(tmp_path)
    assert left.pid == child.pid
    assert not lifecycle.wait_for_former_run(tmp_path, 60.0, lambda: True)
    # Written before that process was born: its pid was someone else's.
    path.write_text(json.dumps({**status, 'pid': child.pid, 'time': 1.0}))
    start = time.monotonic()
    assert lifecycle.wait_for_former_run(tmp_path, timeout=5.0)
    assert time.monotonic() - start < 1.0
  finally:
    child.kill()
    child.wait()
  assert not lifecycle.is_alive(child.pid)


def test_without_prctl_a_process_still_dies_with_its_parent():
  parent, pid = _parent_and_child(
    'lifecycle._HAS_PRCTL = False; lifecycle.adopt_orphans();'
  )
  time.sleep(1.0)
  assert lifecycle.is_alive(pid), 'it did not wait for its parent to die'
  parent.kill()
  parent.wait()
  _wait_until_gone(pid)


@pytest.mark.skipif(sys.platform != 'linux', reason='needs prctl')
def test_the_children_of_a_dead_launcher_are_adopted():
  """As those of Launchpad, which the supervisor then ends."""
  adopter = _python(
    'import os, subprocess, sys, time\n'
    'from attn_agents.distributed import lifecycle\n'
    'lifecycle.adopt_orphans()\n'
    'launcher = subprocess.Popen([sys.executable, "-c",'
    ' "import subprocess, time; child = subprocess.Popen('
    "['sleep', '60']); print(child.pid, flush=True); time.sleep(60)\"],"
    ' stdout=subprocess.PIPE, text=True)\n'
    'pid = int(launcher.stdout.readline())\n'
    'launcher.kill()\n'
    'launcher.wait()\n'
    'print(pid, flush=True)\n'
    'time.sleep(60)\n'
  )
  pid = int(adopter.stdout.readline())
  try:
    assert psutil.Process(pid).ppid() == adopter.pid
  finally:
    psutil.Process(pid).kill()
    adopter.kill()
    adopter.wait()


def test_a_status_that_goes_away_meanwhile_is_none(tmp_path, monkeypatch):
  """As a mirror, which goes on, may replace its own."""
  gone, there = tmp_path / 'gone-0.json', tmp_path / 'there-0.json'
  there.touch()
  monkeypatch.setattr(pathlib.Path, 'glob', lambda *_: [gone, there])
  lifecycle.clear_statuses(tmp_path)
  assert not there.exists()
  assert list(lifecycle.read_statuses(tmp_path)) == []


@pytest.mark.parametrize(
  ('code', 'words'),
  [(0, 'ended with exit code 0'), (3, 'ended with exit code 3'),
   (-1, 'was killed by signal 1'), (-9, 'was killed by signal 9')],
)  # fmt: skip
def test_exit_codes_in_words(code, words):
  assert lifecycle.describe_exit(code) == words


@pytest.mark.usefixtures('restored_handlers')
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_to_stop(number):
  stop = lifecycle.StopSignal()
  assert stop() is False
  signal.raise_signal(number)
  assert stop() is True


@pytest.mark.parametrize(('later', 'left'), [(-0.5, 0), (0.0, 1), (0.5, 1)])
def test_a_process_is_no_older_than_what_it_said(tmp_path, later, left):
  born = psutil.Process().create_time()
  path = tmp_path / 'status' / 'learner-0.json'
  path.parent.mkdir()
  status = lifecycle.Status(
    'learner', 0, os.getpid(), 'running', '', born + later
  )
  path.write_text(json.dumps(vars(status)))
  assert len(lifecycle.left_behind(tmp_path)) == left


def test_a_zombie_is_not_alive():
  child = subprocess.Popen(['true'])
  deadline = time.monotonic() + 20
  while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
    assert time.monotonic() < deadline
    time.sleep(0.001)
  assert not lifecycle.is_alive(child.pid)
  child.wait()


def test_without_prctl_a_thread_looks_for_the_parent(monkeypatch):
  started, slept, sent = [], [], []
  parents = iter([7, 7, 1])

  class _Thread:
    def __init__(self, target, args, daemon):
      # It must not keep the process from ending.
      assert daemon
      self.start = lambda: started.append((target, args))

  monkeypatch.setenv('ATTN_AGENTS_PARENT', '7')
  for module, name, value in (
    (lifecycle, '_HAS_PRCTL', False),
    (lifecycle.threading, 'Thread', _Thread),
    (os, 'getppid', lambda: next(parents)),
    (os, 'kill', lambda *asked: sent.append(asked)),
    (time, 'sleep', slept.append),
  ):
    monkeypatch.setattr(module, name, value)
  lifecycle.die_with_parent()
  ((watch, arguments),) = started
  assert not sent
  # One call of it was for who has no such variable.
  watch(*arguments)
  assert slept == [0.5]
  assert sent == [(os.getpid(), signal.SIGTERM)]
