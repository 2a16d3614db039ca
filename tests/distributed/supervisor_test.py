import os
import signal
import threading

import pytest

from attn_agents.distributed import lifecycle, supervisor, topology

ALIVE = os.getpid()
GONE = 2**22 - 3


def _status(role, state, pid=ALIVE, time=1.0, detail='', **extra):
  return lifecycle.Status(role, 0, pid, state, detail, time, extra)


def _diagnose(*statuses, code=0, signal=0, missing='', checkpoint=True):
  return supervisor.diagnose(
    statuses,
    launcher_code=code,
    stop_signal=signal,
    missing=missing,
    has_checkpoint=checkpoint,
  )


def test_done_is_0_whatever_launchpad_says():
  ending = _diagnose(_status('learner', 'done', saved=1234), code=-9)
  assert ending.code == 0
  assert ending.cause == 'done; checkpoint saved at 1,234 frames'


def test_a_stop_is_0_once_saved():
  ending = _diagnose(_status('learner', 'stopped', saved=8), signal=15)
  assert (ending.code, ending.cause) == (
    0,
    'stopped; checkpoint saved at 8 frames',
  )


@pytest.mark.parametrize(('signal', 'code'), [(2, 130), (15, 143)])
def test_a_stop_with_nothing_saved_has_the_signals_code(signal, code):
  ending = _diagnose(
    _status('learner', 'starting', GONE), signal=signal, checkpoint=False
  )
  assert ending.code == code
  assert 'no checkpoint' in ending.cause


@pytest.mark.parametrize('role', ['reverb', 'learner'])
def test_a_killed_process_is_named(role):
  others = [_status(r, 'stopped') for r in ('reverb', 'learner') if r != role]
  ending = _diagnose(_status(role, 'running', GONE), *others, code=1)
  assert ending.code == 1
  assert ending.cause.startswith(f'failed: {role}-0: it (pid {GONE}) was')


def test_the_first_failure_is_the_cause():
  ending = _diagnose(
    _status('learner', 'failed', time=2.0, detail='queue went away'),
    _status('reverb', 'failed', time=1.0, detail='PortInUseError: port 5'),
    code=1,
  )
  assert ending.code == 1
  assert 'reverb-0: PortInUseError: port 5' in ending.cause


def test_a_killed_launcher_is_named():
  ending = _diagnose(_status('learner', 'stopped', saved=8), code=-9)
  assert ending.code == 1
  assert 'launcher was killed by signal 9' in ending.cause
  assert 'saved at 8 frames' in ending.cause


def test_running_out_of_actors_is_a_failure():
  ending = _diagnose(
    _status('actor_supervisor', 'failed', detail='5 restarts used up'),
    _status('learner', 'stopped', saved=8),
  )
  assert ending.code == 1
  assert 'actor-0: 5 restarts used up (logs/actor-0.log)' in ending.cause


def test_one_lost_actor_of_two_does_not_spoil_the_end():
  ending = _diagnose(
    _status('actor_supervisor', 'failed', detail='5 restarts used up'),
    _status('learner', 'stopped', saved=8),
    signal=15,
  )
  assert ending.code == 0


def _thread(role, state, pid=ALIVE, **fields):
  return lifecycle.Status(role, 0, pid, state, shared_log='threads', **fields)


def test_of_a_killed_process_with_every_role_the_process_is_named():
  ending = _diagnose(
    _thread('actor_supervisor', 'running', GONE),
    _thread('learner', 'running', GONE),
    code=-9,
  )
  assert ending.code == 1
  assert ending.cause == (
    f'failed: the process (pid {GONE}) was killed or crashed '
    '(logs/threads.log); the last checkpoint stands'
  )


def test_a_fault_in_a_thread_is_found_in_the_shared_log():
  ending = _diagnose(
    _thread('actor_supervisor', 'stopped'),
    _thread('learner', 'failed', detail='DivergedError: x', extra={'saved': 8}),
    code=1,
  )
  assert ending.code == 1
  assert ending.cause == (
    'failed: learner-0: DivergedError: x (logs/threads.log); '
    'checkpoint saved at 8 frames'
  )


class _BrokenTerminal:
  def update(self, statuses):
    raise BrokenPipeError

  def close(self):
    raise BrokenPipeError


_ROLES = """
import os, signal, sys, time
from attn_agents.distributed import lifecycle, topology
place = topology.from_json(sys.argv[1].partition('=')[2])
stop = lifecycle.StopSignal()
status = lifecycle.StatusFile(place.logdir, 'learner')
status.set('running')
time.sleep(1.0)
if os.environ.get('END') == 'done':
  status.set('done')
stop.event.wait()
status.set('stopped', saved=7)
"""


@pytest.mark.parametrize('end', ['done', 'signal'])
def test_a_run_does_not_depend_on_being_watched(tmp_path, monkeypatch, end):
  """A program of one process stands in for Launchpad's."""
  (tmp_path / 'checkpoints' / '7').mkdir(parents=True)
  program = tmp_path / 'program.py'
  program.write_text(_ROLES)
  monkeypatch.setenv('END', end)
  monkeypatch.setitem(supervisor._PROGRAMS, 'launchpad', [str(program)])
  place = topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4)
  if end == 'signal':
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
  old = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
  try:
    ending = supervisor.Supervisor(place, _BrokenTerminal()).run()
  finally:
    for number, handler in zip(
      (signal.SIGINT, signal.SIGTERM), old, strict=True
    ):
      signal.signal(number, handler)
  assert ending.code == 0
  assert ending.cause.startswith('done' if end == 'done' else 'stopped')
