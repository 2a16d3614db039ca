"""Logs, signals and parents of the processes of a run."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.distributed import lifecycle


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
