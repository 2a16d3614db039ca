"""The parent of a run: what it starts, and why it stops it."""

import pathlib
import signal
import subprocess
import sys
import time
import types

import pytest

from attn_agents.distributed import lifecycle, supervisor, topology
from attn_agents.utils import patience, stopping
from tests import terminal

_ROOT = pathlib.Path(__file__).parents[2]


class _BrokenTerminal:
  """Remembers what it was to show."""

  def __init__(self):
    self.shown, self.closed = [], 0

  def update(self, statuses):
    self.shown.append([status.state for status in statuses])
    raise BrokenPipeError

  def close(self):
    self.closed += 1
    raise BrokenPipeError


_ROLES = """
import os, signal, sys, time
from attn_agents.distributed import lifecycle, topology
from attn_agents.utils import stopping
stopping.leave_to_parent()
place = topology.from_json(sys.argv[1].partition('=')[2])
stop = lifecycle.StopSignal()
status = lifecycle.StatusFile(place.logdir, 'learner')
status.set('running')
time.sleep(0.2)
if os.environ.get('END') == 'done':
  status.set('done')
stop.event.wait()
for _ in range(int(10 * float(os.environ.get('SAVING', '0')))):
  time.sleep(0.1)
status.set('stopped', saved=7)
"""


def _place(directory, monkeypatch, **environment):
  """A program of one process stands in for Launchpad's."""
  (directory / 'checkpoints' / '7').mkdir(parents=True)
  program = directory / 'program.py'
  program.write_text(_ROLES)
  for name, value in environment.items():
    monkeypatch.setenv(name, value)
  monkeypatch.setitem(supervisor._PROGRAMS, 'launchpad', [str(program)])
  return topology.Topology(str(directory), 'x:1', 'x:2', (0,), 4)


@pytest.mark.usefixtures('restored_handlers')
def test_a_run_does_not_depend_on_being_watched(tmp_path, monkeypatch):
  place = _place(tmp_path, monkeypatch, END='done')
  # What a former start has left is no news of this one.
  lifecycle.StatusFile(tmp_path, 'evaluator').set('failed', 'yesterday')
  unfinished = tmp_path / 'checkpoints' / '8.orbax-checkpoint-tmp'
  unfinished.mkdir()
  console = _BrokenTerminal()
  ending = supervisor.Supervisor(place, console).run()
  assert ending.code == 0
  assert ending.cause.startswith('done')
  assert not unfinished.exists()
  assert 'failed' not in {state for shown in console.shown for state in shown}
  # The last that it shows is how the run ended.
  assert (console.shown[-1], console.closed) == (['done'], 1)


@pytest.mark.usefixtures('restored_handlers')
def test_a_child_of_the_callers_own_is_left_alone(tmp_path, monkeypatch):
  place = _place(tmp_path, monkeypatch, END='done')
  ours, other = (subprocess.Popen(['sleep', '60']) for _ in range(2))
  monkeypatch.setattr(supervisor, '_STOP_SECONDS', 1.0)
  run = supervisor.Supervisor(place, _BrokenTerminal(), spared=[ours.pid]).run
  try:
    assert run().code == 0
    assert ours.poll() is None
    assert not lifecycle.is_alive(other.pid)
  finally:
    for child in (ours, other):
      child.kill()
      child.wait()


@pytest.mark.usefixtures('restored_handlers')
def test_what_is_stopped_before_it_starts_does_not_start(tmp_path, monkeypatch):
  place = _place(tmp_path, monkeypatch, END='done')
  requests = stopping.Requests()
  requests.listen()
  signal.raise_signal(signal.SIGTERM)
  console = _BrokenTerminal()
  ending = supervisor.Supervisor(place, console, requests).run()
  assert console.closed == 1
  assert ending.code == 75
  assert ending.cause == 'stopped; the last checkpoint stands'
  assert not (tmp_path / 'logs').exists()


_SUPERVISE = """
import os, sys
from attn_agents.distributed import supervisor, topology
class Quiet:
  def update(self, statuses):
    for status in statuses:
      if status.state == 'running':
        open(sys.argv[2] + '/running', 'w').close()
  def close(self):
    pass
supervisor._STOP_SECONDS = float(os.environ.get('STOP_SECONDS', 14))
supervisor._PROGRAMS['launchpad'] = [sys.argv[2] + '/program.py']
ending = supervisor.Supervisor(topology.from_json(sys.argv[1]), Quiet()).run()
print(ending.cause, flush=True)
sys.exit(ending.code)
"""


def _supervised(directory, monkeypatch, *, saving, under=()):
  """A supervisor in a process of its own, whose program takes long to save."""
  place = _place(directory, monkeypatch, SAVING=str(saving))
  process = subprocess.Popen(
    [*under, sys.executable, '-c', _SUPERVISE, topology.to_json(place),
     str(directory)],
    cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
  )  # fmt: skip
  deadline = time.monotonic() + 60
  while not (directory / 'running').exists():
    assert time.monotonic() < deadline
    assert process.poll() is None
    time.sleep(0.05)
  return process


def _ending(process):
  text, _ = process.communicate(timeout=30)
  return process.returncode, text.strip()


_SAVED = 'stopped; checkpoint saved at 7 frames'


@pytest.mark.parametrize(
  ('numbers', 'code'),
  [
    ([signal.SIGTERM] * 3, 75),
    ([signal.SIGUSR1, signal.SIGCONT, signal.SIGTERM], 75),
    ([signal.SIGHUP, signal.SIGHUP], 75),
    # Not of a terminal, so that it may be of a program that repeats itself.
    ([signal.SIGINT, signal.SIGINT], 0),
  ],
)
def test_machines_repeat_themselves_and_are_not_in_a_hurry(
  tmp_path, monkeypatch, numbers, code
):
  process = _supervised(tmp_path, monkeypatch, saving=0.8)
  for number in numbers:
    process.send_signal(number)
    time.sleep(0.05)
  assert _ending(process) == (code, _SAVED)


def test_a_signal_to_each_process_of_a_job_is_one_stop(tmp_path, monkeypatch):
  process = _supervised(tmp_path, monkeypatch, saving=0.5)
  children = supervisor.psutil.Process(process.pid).children(recursive=True)
  assert children
  for member in (*children, process):
    member.send_signal(signal.SIGUSR1)
  assert _ending(process) == (75, _SAVED)


def test_time_in_which_nothing_ran_is_not_time_to_save(tmp_path, monkeypatch):
  monkeypatch.setenv('STOP_SECONDS', '1.5')
  process = _supervised(tmp_path, monkeypatch, saving=1)
  parent = supervisor.psutil.Process(process.pid)
  family = [parent, *parent.children(recursive=True)]
  process.terminate()
  time.sleep(0.2)
  for member in family:
    member.suspend()
  time.sleep(2.0)
  for member in family:
    member.resume()
  assert _ending(process) == (75, _SAVED)


def test_a_hangup_that_was_ignored_stays_ignored(tmp_path, monkeypatch):
  process = _supervised(tmp_path, monkeypatch, saving=0, under=['nohup'])
  process.send_signal(signal.SIGHUP)
  with pytest.raises(subprocess.TimeoutExpired):
    process.wait(0.5)
  process.send_signal(signal.SIGTERM)
  assert _ending(process) == (75, _SAVED)


@pytest.mark.parametrize(('times', 'code'), [(1, 0), (2, 130)])
def test_a_second_ctrl_c_at_a_terminal_does_not_wait(
  tmp_path, monkeypatch, times, code
):
  with terminal.opened() as (under, press_ctrl_c):
    process = _supervised(tmp_path, monkeypatch, saving=2, under=under)
    for _ in range(times):
      press_ctrl_c()
      time.sleep(0.5)
    ended, text = _ending(process)
  assert ended == code
  assert text.startswith('stopped; ' if times == 1 else 'stopped before it ')


def test_a_learner_that_stands_still_is_seen(tmp_path, monkeypatch):
  now = [100.0]
  monkeypatch.setattr(patience, '_now', lambda: now[0])
  place = topology.Topology(str(tmp_path), '', '', (0,), 1, num_hosts=2)
  made = supervisor.Supervisor(place, _BrokenTerminal())

  def stuck(later, beat=None):
    if beat is not None:
      lifecycle.beat_path(tmp_path).write_text(beat)
    # A step at a time, as the supervisor looks: a pause is not counted.
    for _ in range(10 * later):
      now[0] += 0.1
      found = made._find_stuck()
    return found

  # There is none yet.
  assert stuck(60) == ''
  lifecycle.beat_path(tmp_path).parent.mkdir()
  assert stuck(1, '1') == ''
  assert stuck(28) == ''
  assert stuck(1, '2') == ''
  assert stuck(28) == ''
  assert stuck(3) == 'learner-0 has not moved for 30 s'
  assert stuck(1, '3') == ''


@pytest.mark.parametrize(
  ('index', 'serves', 'there', 'has'),
  [(0, True, False, False), (0, True, True, True), (1, True, False, True),
   (0, False, False, True)],
)  # fmt: skip
def test_checkpoints_are_here_or_on_the_first_host(
  tmp_path, index, serves, there, has
):
  if there:
    (tmp_path / 'checkpoints' / '7').mkdir(parents=True)
  place = topology.Topology(
    str(tmp_path), '', '', (0,), 1, host_index=index, serve=serves
  )
  made = supervisor.Supervisor(place, _BrokenTerminal())
  assert made._has_checkpoint() is has


class _Console:
  def __init__(self):
    self.shown = []

  def update(self, statuses):
    self.shown.append([status.state for status in statuses])


class _Launcher:
  """A child that lives; remembers what it was sent."""

  def __init__(self, code=None):
    self.code, self.sent = code, []

  def poll(self):
    return self.code

  def send_signal(self, number):
    self.sent.append(number)


def _look(directory, requests=None, code=None, hosts=1):
  """Two looks at a run; what the launcher was sent, and the supervisor."""
  place = topology.Topology(str(directory), '', '', (0,), 1, num_hosts=hosts)
  console, launcher = _Console(), _Launcher(code)
  made = supervisor.Supervisor(place, console, requests)
  for _ in range(2):
    made._look(launcher)
  statuses = [x.state for x in lifecycle.read_statuses(directory)]
  assert console.shown == [statuses] * 2
  return launcher.sent, made


def test_a_run_without_a_reason_to_stop_goes_on(tmp_path):
  lifecycle.StatusFile(tmp_path, 'learner').set('running')
  lifecycle.beat_path(tmp_path).write_text('1')
  sent, made = _look(tmp_path)
  assert sent == []
  # Nobody else is there who could be waited for.
  assert made._watch.beating is None
  assert not made._out_of_patience()


def test_a_run_is_asked_to_stop_once(tmp_path):
  requests = stopping.Requests()
  requests.first = signal.SIGINT
  assert _look(tmp_path, requests)[0] == [signal.SIGTERM]
  # One that is gone needs no signal.
  assert _look(tmp_path, requests, code=0)[0] == []
  lifecycle.StatusFile(tmp_path, 'learner').set('done')
  sent, made = _look(tmp_path)
  assert (sent, made._watch.missing) == ([signal.SIGTERM], '')


def _gone():
  child = subprocess.Popen(['true'])
  child.wait()
  return child.pid


def test_a_process_that_is_gone_ends_the_run(tmp_path, monkeypatch):
  monkeypatch.setattr(lifecycle.os, 'getpid', _gone)
  lifecycle.StatusFile(tmp_path, 'learner').set('running')
  monkeypatch.undo()
  sent, made = _look(tmp_path)
  assert sent == [signal.SIGTERM]
  assert made._watch.missing.startswith('learner-0: it (pid ')
  # It may have said meanwhile how it ended.
  (dead,) = lifecycle.read_statuses(tmp_path)
  lifecycle.StatusFile(tmp_path, 'learner').set('done')
  assert made._find_dead([dead]) == ''
  # Once it is asked to stop, whoever ends does so as asked.
  requests = stopping.Requests()
  place = topology.Topology(str(tmp_path), '', '', (0,), 1)
  made = supervisor.Supervisor(place, _Console(), requests)
  made._stop(_Launcher())
  monkeypatch.setattr(made, '_find_dead', None)
  made._look(_Launcher())


@pytest.mark.parametrize('hosts', [2, 3])
def test_a_learner_that_stands_still_ends_the_run(tmp_path, monkeypatch, hosts):
  over = types.SimpleNamespace(is_over=lambda: True)
  monkeypatch.setattr(supervisor.patience, 'Patience', lambda seconds: over)
  lifecycle.StatusFile(tmp_path, 'learner').set('running')
  lifecycle.beat_path(tmp_path).write_text('1')
  sent, made = _look(tmp_path, hosts=hosts)
  assert sent == [signal.SIGTERM]
  assert made._watch.stuck == 'learner-0 has not moved for 30 s'
  assert made._out_of_patience()


def test_a_hurry_does_not_wait(tmp_path):
  requests = stopping.Requests()
  made = _look(tmp_path, requests)[1]
  assert not made._out_of_patience()
  requests.in_a_hurry = True
  assert made._out_of_patience()


def test_a_program_is_started_where_its_run_and_parent_are_known(
  tmp_path, monkeypatch
):
  started = []

  def start(command, **options):
    options['stdout'].write('said\n')
    started.append((command, options))
    return 'launcher'

  monkeypatch.setattr(supervisor.subprocess, 'Popen', start)
  logs = tmp_path / 'run' / 'logs'
  place = topology.Topology(
    str(tmp_path / 'run'), '', '', (0,), 1, runtime='threads'
  )
  made = supervisor.Supervisor(place, _Console())
  for _ in range(2):
    assert made._start('/temporary') == 'launcher'
  # A continued run keeps its history.
  assert (logs / 'launcher.log').read_text() == 'said\n' * 2
  command, options = started[0]
  assert command[:3] == [
    sys.executable, '-m', 'attn_agents.distributed.programs.threads'
  ]  # fmt: skip
  assert topology.from_json(command[3].removeprefix('--topology=')) == place
  assert options['stderr'] is options['stdout']
  # Neither what is typed nor Ctrl-C is for it.
  assert options['stdin'] == subprocess.DEVNULL
  assert options['start_new_session'] is True
  assert options['cwd'] == _ROOT
  environment = options['env']
  assert environment['OMP_NUM_THREADS'] == '1'
  assert environment['TMPDIR'] == '/temporary'
  assert environment['LAUNCHPAD_LOGGING_DIR'] == f'{logs}/launchpad/'
  assert environment.items() >= lifecycle.known_parent().items()
