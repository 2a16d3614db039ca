"""The threads of the one process: faults of actors, and what it imports."""

import errno
import pathlib
import subprocess
import sys
import threading
import time
import types
from unittest import mock

import jax
import pytest

from attn_agents.distributed import lifecycle, outcome, supervisor, topology
from attn_agents.distributed.programs import threads
from attn_agents.distributed.roles import actor, actor_supervisor, learner
from attn_agents.runs import run_directory
from attn_agents.transport.threads import transport
from configs import resolution
from tests.distributed import stopping

_ROOT = pathlib.Path(__file__).parents[3]


def _config(most, algorithm):
  lag = ['learning.max_policy_lag=none'] if algorithm == 'vtrace' else []
  return resolution.resolve(
    resolution.Request(
      game='catch',
      preset='small',
      algorithm=algorithm,
      runtime='threads',
      num_actors=2,
      settings=[f'runtime.max_actor_restarts={most}', *lag],
    ),
    'cpu',
    1,
    cores=2,
  )


class _Run:
  """The actors of a `OneProcess`; `failures`: how often each of them fails."""

  def __init__(self, logdir, monkeypatch, failures, most=1, algorithm='vtrace'):
    config = _config(most, algorithm)
    self.logdir, self.played = logdir, []
    self._failures, self._stop = failures, stopping.Stop()
    monkeypatch.setattr(actor, 'play', self._play)
    monkeypatch.setattr(actor_supervisor, '_BACKOFF_SECONDS', (0.01,))
    self.role = threads.OneProcess(topology.local(config, str(logdir)))
    self.role._stop = self._stop
    parts = types.SimpleNamespace(
      config=config,
      items_per_batch=2,
      items_per_read=2,
      trajectory_spec=lambda: (),
      replay=None,
    )
    self.connection = self.role._connect(parts)

  def _play(self, place, parts, index, restart, *args, should_stop, **kwargs):
    # As a debugger shows it; and no end of the process waits for it.
    thread = threading.current_thread()
    assert (thread.name, thread.daemon) == (f'actor-{index}', True)
    self.played.append((index, restart))
    if restart < self._failures.get(index, 0):
      raise ValueError(f'emulator {index} broke')
    self._stop.event.wait(20)
    assert should_stop()

  @property
  def stopped(self):
    return self._stop()

  def statuses(self):
    return {s.name: s for s in lifecycle.read_statuses(self.logdir)}

  def wait_for(self, name, state):
    deadline = time.monotonic() + 10
    while self.statuses()[name].state != state:
      assert time.monotonic() < deadline, self.statuses()
      time.sleep(0.01)
    return self.statuses()[name]


def test_an_actor_that_broke_plays_again_as_another_incarnation(
  tmp_path, monkeypatch
):
  run = _Run(tmp_path, monkeypatch, failures={0: 1})
  deadline = time.monotonic() + 10
  while len(run.played) < 3 and time.monotonic() < deadline:
    time.sleep(0.01)
  assert sorted(run.played) == [(0, 0), (0, 1), (1, 0)]
  told = run.statuses()
  again = told['actor_supervisor-0']
  assert (again.state, again.extra['restarts']) == ('running', 1)
  assert told['actor_supervisor-1'].extra['restarts'] == 0
  assert {s.shared_log for s in told.values()} == {'threads'}
  run.role._disconnect()
  assert run.stopped
  assert run.connection.make_sink()
  for index in range(2):
    assert run.statuses()[f'actor_supervisor-{index}'].state == 'stopped'
    run.wait_for(f'actor-{index}', 'stopped')


def test_without_one_actor_the_others_go_on_but_not_without_any(
  tmp_path, monkeypatch
):
  run = _Run(tmp_path, monkeypatch, failures={0: 9})
  failed = run.wait_for('actor_supervisor-0', 'failed')
  assert failed.detail == (
    'actor failed: ValueError: emulator 0 broke, 1 restarts used up'
  )
  assert not run.stopped
  assert run.statuses()['actor_supervisor-1'].state == 'running'
  assert not outcome.is_over(list(run.statuses().values()))
  run.role._disconnect()
  # What an actor said before the end is not taken back by it.
  assert run.statuses()['actor_supervisor-0'].state == 'failed'

  run = _Run(tmp_path, monkeypatch, failures={0: 9, 1: 9})
  for index in range(2):
    run.wait_for(f'actor_supervisor-{index}', 'failed')
  assert outcome.is_over(list(run.statuses().values()))


def test_a_synchronous_run_ends_without_one_actor_and_names_it(
  tmp_path, monkeypatch
):
  run = _Run(tmp_path, monkeypatch, {1: 9}, most=0, algorithm='a2c')
  run.wait_for('actor_supervisor-1', 'failed')
  deadline = time.monotonic() + 5
  while not run.stopped and time.monotonic() < deadline:
    time.sleep(0.01)
  assert run.stopped
  run.role._disconnect()
  learner = run.role._status_file('learner', 0)
  learner.set('stopped', saved=8)
  ending = outcome.diagnose(
    list(run.statuses().values()),
    launcher_code=0,
    stop_signal=0,
    missing='',
    has_checkpoint=True,
  )
  assert ending.code == 1
  assert ending.cause.startswith('failed: actor-1: ')
  assert 'emulator 1 broke' in ending.cause
  assert 'a2c needs every actor (logs/threads.log)' in ending.cause
  assert ending.cause.endswith('checkpoint saved at 8 frames')


def test_an_actor_that_cannot_be_told_of_ends_the_run(tmp_path, monkeypatch):
  write = lifecycle.StatusFile._write

  def full(self, state, detail, extra):
    if self._role == 'actor_supervisor' and state != 'starting':
      raise OSError(errno.ENOSPC, 'No space left on device')
    write(self, state, detail, extra)

  monkeypatch.setattr(lifecycle.StatusFile, '_write', full)
  run = _Run(tmp_path, monkeypatch, failures={})
  assert run.role._stop.event.wait(10)
  assert not run.played


def test_there_are_no_addresses(tmp_path):
  place = topology.local(_config(1, 'vtrace'), str(tmp_path))
  assert place.queue_address == place.variables_address == ''
  assert place.runtime == 'threads'
  assert topology.from_json(topology.to_json(place)) == place


_PARTS = """
import sys
from attn_agents.distributed.programs import threads
from attn_agents import experiment
from attn_agents.distributed import lifecycle, supervisor
from attn_agents.distributed.roles import actor, actor_supervisor
from attn_agents.transport.threads import queue, variables
from attn_agents.learning import metrics, publisher, training
from attn_agents.runs import checkpoints
heavy = {
  'launchpad', 'courier', 'reverb', 'tensorflow',
  'attn_agents.transport.reverb',
}
print(sorted(n for n in heavy if sys.modules.get(n) is not None))
"""


def test_nothing_of_the_process_imports_launchpad_reverb_or_tensorflow():
  done = subprocess.run(
    [sys.executable, '-c', _PARTS],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )
  assert done.stdout == '[]\n', done.stderr


_COUNT_THREADS = """
import os
from attn_agents.distributed.programs import threads
import numpy
print(len(os.listdir('/proc/self/task')), os.environ['TF_CPP_MIN_LOG_LEVEL'])
"""


def test_numpy_gets_no_threads_of_its_own(tmp_path, monkeypatch):
  for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    monkeypatch.delenv(name, raising=False)
  # Instead of a run, a process that counts its threads; OpenBLAS starts one
  # for each core when NumPy loads.
  monkeypatch.setitem(supervisor._PROGRAMS, 'threads', ['-c', _COUNT_THREADS])
  place = topology.local(_config(1, 'vtrace'), str(tmp_path))
  run = supervisor.Supervisor(place, mock.Mock())
  assert run._start(str(tmp_path)).wait(timeout=60) == 0
  assert (tmp_path / 'logs' / 'launcher.log').read_text() == '1 2\n'


class _Status:
  """Remembers all that was said."""

  def __init__(self):
    self.said = []

  def set(self, *said, **extra):
    self.said.append((*said, extra))

  def set_failed(self, error):
    self.set('failed', str(error))


def _role(tmp_path, monkeypatch, evaluate=False):
  place = topology.Topology(
    str(tmp_path), '', '', (0, 1), 1, runtime='threads', evaluate=evaluate
  )
  role = threads.OneProcess(place)
  role._stop = stopping.Stop()
  status = _Status()
  asked = []
  monkeypatch.setattr(
    role, '_status_file', lambda *given: asked.append(given) or status
  )
  return role, status, asked


def test_an_actor_is_told_of_before_it_runs(tmp_path, monkeypatch):
  role, status, asked = _role(tmp_path, monkeypatch)
  started = []

  class Thread:
    def __init__(self, target, args, name, daemon):
      self._args = args

    def start(self):
      started.append((self._args, list(status.said)))

  monkeypatch.setattr(
    threads, 'threading', types.SimpleNamespace(Thread=Thread)
  )
  monkeypatch.setattr(transport, 'ThreadsTransport', lambda *given: given)
  connection = role._connect('parts')
  run = run_directory.RunDirectory(tmp_path)
  assert connection == ('parts', run.replay, None, role._stop)
  said = ('starting', {})
  assert started == [
    ((0, status, 'parts', connection), [said]),
    ((1, status, 'parts', connection), [said, said]),
  ]
  assert asked == [('actor_supervisor', 0), ('actor_supervisor', 1)]


@pytest.mark.parametrize('fails', [False, True])
def test_the_evaluator_is_a_thread_whose_fault_ends_the_run(
  tmp_path, monkeypatch, capsys, fails
):
  evaluated = []

  def evaluate(*given):
    thread = threading.current_thread()
    evaluated.append((given, thread.name, thread.daemon))
    if fails:
      raise ValueError('no more')

  role, status, asked = _role(tmp_path, monkeypatch, evaluate=True)
  monkeypatch.setattr(
    learner.LearnerRole, '_make_training', lambda self: 'training'
  )
  monkeypatch.setattr(threads.evaluator, 'evaluate', evaluate)
  parts = types.SimpleNamespace(config='config')
  monkeypatch.setattr(role, '_experiment', lambda: parts)
  before = set(threading.enumerate())
  assert role._make_training() == 'training'
  for thread in set(threading.enumerate()) - before:
    thread.join(10)
  assert asked == [('evaluator', 0)]
  given = (role.place, 'config', status, role._stop)
  assert evaluated == [(given, 'evaluator', True)]
  assert status.said == [('failed', 'no more', {})] * fails
  assert role._stop() == fails
  assert ('Traceback' in capsys.readouterr().err) == fails
  # At the end it is told of as the actors are.
  role._disconnect()
  assert status.said[fails:] == [('stopped', {})]
  assert role._stop()


def test_without_an_evaluator_there_is_no_thread(tmp_path, monkeypatch):
  role, _, asked = _role(tmp_path, monkeypatch)
  monkeypatch.setattr(
    learner.LearnerRole, '_make_training', lambda self: 'training'
  )
  assert role._make_training() == 'training'
  assert asked == []


@pytest.mark.parametrize(
  ('backend', 'replay', 'keeps'),
  [('cpu', None, False), ('gpu', None, True), ('gpu', 'a replay', False)],
)
def test_unrolls_stay_on_an_accelerator_that_has_room(
  tmp_path, monkeypatch, backend, replay, keeps
):
  role, status, asked = _role(tmp_path, monkeypatch)
  played = []
  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  monkeypatch.setattr(
    actor, 'play', lambda *given, **named: played.append((given, named))
  )
  parts = types.SimpleNamespace(replay=replay)
  connection = types.SimpleNamespace(
    make_variable_source=lambda: 'variables', make_sink=lambda: 'sink'
  )
  assert role._run_actor(1, 4, parts, connection) is None
  assert asked == [('actor', 1)]
  assert played == [
    (
      (role.place, parts, 1, 4, status, 'variables', 'sink'),
      {'should_stop': role._stop, 'keep_on_device': keeps},
    )
  ]
  assert status.said == [('starting', {'restarts': 4}), ('stopped', {})]


def test_an_actors_fault_is_in_the_log_and_its_status(
  tmp_path, monkeypatch, capsys
):
  def fail(*given, **named):
    raise ValueError('no more')

  role, status, _ = _role(tmp_path, monkeypatch)
  monkeypatch.setattr(actor, 'play', fail)
  parts = types.SimpleNamespace(replay=None)
  assert role._run_actor(1, 4, parts, mock.Mock()) == (
    'failed: ValueError: no more'
  )
  assert status.said[1:] == [('failed', 'no more', {})]
  assert 'Traceback' in capsys.readouterr().err


def test_the_process_leaves_signals_to_its_parent(tmp_path, monkeypatch):
  done = []
  place = topology.Topology(str(tmp_path), '', '', (0,), 1, runtime='threads')
  argv = ['threads', f'--topology={topology.to_json(place)}']
  monkeypatch.setattr(sys, 'argv', argv)
  monkeypatch.setattr(
    threads.stopping, 'leave_to_parent', lambda: done.append('left')
  )
  monkeypatch.setattr(
    threads.OneProcess, 'run',
    lambda self: done.append((self.place, self.index, self.shared_log)),
  )  # fmt: skip
  assert threads.main() == 0
  assert done == ['left', (place, 0, 'threads')]
