"""A run as a program of Launchpad, and the end of its workers."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import types

import launchpad as lp
import psutil
import pytest

from attn_agents.distributed import lifecycle, process_environment, topology
from attn_agents.distributed.programs import launchpad
from configs import resolution


def _place(**settings):
  config = resolution.resolve(
    resolution.Request(num_actors=4, **settings), 'cpu', 1, cores=2
  )
  return topology.local(config, '/run')


def test_the_graph_has_every_role_and_no_courier():
  graph = launchpad.build(_place())
  assert {k: len(v) for k, v in graph.groups.items()} == {
    'reverb': 1,
    'learner': 1,
    'actor': 4,
  }
  for node in graph.get_all_nodes():
    assert type(node) is lp.PyClassNode
    assert not node.addresses, 'a node listens'
  # Each actor has its number; what there is once is the first.
  indices = {
    name: [node._construct_instance().index for node in nodes]
    for name, nodes in graph.groups.items()
  }
  assert indices == {'reverb': [0], 'learner': [0], 'actor': [0, 1, 2, 3]}


def test_an_evaluator_is_one_more_node():
  graph = launchpad.build(_place(evaluate_every=1000))
  (node,) = graph.groups['evaluator']
  assert node._construct_instance().index == 0
  assert len(graph.get_all_nodes()) == 7


def test_a_host_that_only_plays_has_actors_only():
  place = topology.Topology(
    logdir='/run',
    queue_address='learner:1',
    variables_address='learner:2',
    actors=(4, 5),
    envs_per_actor=8,
    serve=False,
  )
  assert {k: len(v) for k, v in launchpad.build(place).groups.items()} == {
    'actor': 2
  }


def test_ports_are_free_and_distinct_or_as_the_config_says():
  place = _place()
  ports = {
    topology.port_of(place.queue_address),
    topology.port_of(place.variables_address),
  }
  assert len(ports) == 2 and 0 not in ports
  assert place.queue_address.startswith('127.0.0.1:')
  fixed = _place(
    settings=['queue.queue_port=7001', 'queue.variables_port=7002']
  )
  assert fixed.queue_address == '127.0.0.1:7001'
  assert fixed.variables_address == '127.0.0.1:7002'


@pytest.mark.parametrize('role', ['actor', 'reverb', 'evaluator'])
def test_only_the_learner_may_use_an_accelerator(role):
  env = process_environment.of_role(role)
  assert env['CUDA_VISIBLE_DEVICES'] == ''
  assert env['JAX_PLATFORMS'] == 'cpu'
  learner = process_environment.of_role('learner')
  assert not {'CUDA_VISIBLE_DEVICES', 'JAX_PLATFORMS'} & set(learner)


def test_an_actor_computes_in_one_thread(monkeypatch):
  monkeypatch.setenv(
    'XLA_FLAGS', '--xla_force_host_platform_device_count=2 --xla_x=1'
  )
  env = process_environment.of_role('actor')
  assert env['OMP_NUM_THREADS'] == env['OPENBLAS_NUM_THREADS'] == '1'
  assert env['NPROC'] == '1'
  assert env['XLA_FLAGS'] == '--xla_x=1 --xla_cpu_multi_thread_eigen=false'


# Of two workers the second does not start, once the first waits.
_CUT_SHORT = """
import pathlib, signal, subprocess, sys, time, types
import launchpad as lp
from launchpad.launch import worker_manager
from attn_agents.distributed.programs import launchpad
directory = pathlib.Path(sys.argv.pop(1))

def wait():
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  (directory / 'waits').touch()
  time.sleep(600)

def build(place):
  program = lp.Program('cut_short')
  with program.group('reverb'):
    for _ in range(2):
      program.add_node(lp.PyNode(wait))
  return program

class Process(subprocess.Popen):
  def __init__(self, *args, **kwargs):
    pid = directory / 'pid'
    if pid.exists():
      while not (directory / 'waits').exists():
        time.sleep(0.05)
      raise OSError('no second one')
    super().__init__(*args, **kwargs)
    pid.write_text(str(self.pid))

worker_manager.subprocess = types.SimpleNamespace(
  Popen=Process, TimeoutExpired=subprocess.TimeoutExpired
)
launchpad.build = build
sys.exit(launchpad.main())
"""


def test_a_start_that_is_cut_short_leaves_no_worker(tmp_path):
  place = topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4)
  process = subprocess.Popen(
    [
      sys.executable, '-c', _CUT_SHORT, str(tmp_path),
      f'--topology={topology.to_json(place)}',
    ],
    cwd=pathlib.Path(__file__).parents[3],
    env={**os.environ, 'LAUNCHPAD_LOGGING_DIR': f'{tmp_path}/logs/'},
  )  # fmt: skip
  try:
    assert process.wait(120) == 1
    text = (tmp_path / 'logs' / 'launcher.log').read_text()
    assert 'OSError: no second one' in text
    assert not lifecycle.is_alive(int((tmp_path / 'pid').read_text()))
  finally:
    process.kill()
    process.wait()
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
      psutil.Process(int((tmp_path / 'pid').read_text())).kill()


class _Launched:
  """In place of `lp.launch`; `runs`: how many of the nodes do what they do."""

  def __init__(self, monkeypatch, runs=0):
    self.given, self.waited, self._runs = [], 0, runs
    monkeypatch.setattr(lp, 'launch', self)
    monkeypatch.setattr(launchpad, '_parse_launchpad_flags', self._parse)
    self.parsed = 0

  def _parse(self):
    self.parsed += 1

  def __call__(self, program, **options):
    assert self.parsed == 1
    self.given.append((program, options))
    for node in list(program.get_all_nodes())[: self._runs]:
      node._function(*node._func_args)
    return self

  def wait(self):
    self.waited += 1


def test_every_role_is_a_process_that_knows_its_parent(monkeypatch):
  launched = _Launched(monkeypatch)
  launchpad.launch(_place(evaluate_every=1000))
  ((program, options),) = launched.given
  # A worker that fails is heard of.
  assert launched.waited == 1
  resources = options.pop('local_resources')
  assert options == {
    'launch_type': 'local_mp', 'terminal': 'output_to_files',
  }  # fmt: skip
  assert set(resources) == set(program.groups)
  for name, process in resources.items():
    expected = process_environment.of_role(name)
    assert process.env == {**expected, **lifecycle.known_parent()}


def test_a_self_check_counts_the_processes_that_ran(monkeypatch):
  clock = iter([100.0, 101.5])
  monkeypatch.setattr(launchpad.time, 'monotonic', lambda: next(clock))
  launched = _Launched(monkeypatch, runs=9)
  assert launchpad.self_check() == 'two nodes ran and ended in 1.5 s'
  ((_, options),) = launched.given
  assert launched.waited == 1
  assert options.pop('local_resources')['node'].env.items() >= (
    lifecycle.known_parent().items()
  )
  assert options == {
    'launch_type': 'local_mp', 'terminal': 'output_to_files',
  }  # fmt: skip
  clock = iter([0.0])
  _Launched(monkeypatch, runs=1)
  with pytest.raises(RuntimeError, match=r"of two nodes only \['0'\] ran"):
    launchpad.self_check()


def test_the_launcher_ends_its_workers_if_it_cannot_go_on(
  tmp_path, monkeypatch
):
  done, fault = [], []

  def launch(place):
    done.append(place)
    if fault:
      raise fault[0]

  place = topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4)
  argv = ['launcher', f'--topology={topology.to_json(place)}']
  monkeypatch.setattr(sys, 'argv', argv)
  monkeypatch.setattr(
    launchpad.stopping, 'leave_to_parent', lambda: done.append('left')
  )
  monkeypatch.setattr(lifecycle, 'die_with_parent', lambda: done.append('tied'))
  monkeypatch.setattr(lifecycle, 'log_to_file', lambda *args: done.append(args))
  monkeypatch.setattr(launchpad, 'launch', launch)
  monkeypatch.setattr(launchpad, '_end_workers', lambda: done.append('ended'))
  assert launchpad.main() == 0
  begins = ['left', 'tied', (str(tmp_path), 'launcher'), place]
  assert done == begins
  fault.append(SystemExit(3))
  with pytest.raises(SystemExit):
    launchpad.main()
  assert done == [*begins, *begins, 'ended']


def test_workers_that_do_not_end_in_time_are_killed(monkeypatch):
  done = []

  class Worker:
    def __init__(self, name, is_gone=False):
      self.name, self._is_gone = name, is_gone

    def terminate(self):
      if self._is_gone:
        raise psutil.NoSuchProcess(1)
      done.append(f'{self.name} asked')

    def kill(self):
      done.append(f'{self.name} killed')
      raise psutil.NoSuchProcess(1)

  workers = [Worker('a', is_gone=True), Worker('b'), Worker('c'), Worker('d')]

  def wait_procs(waited, timeout):
    assert waited == workers
    done.append(timeout)
    return workers[:2], workers[2:]

  monkeypatch.setattr(
    launchpad.psutil, 'Process',
    lambda: types.SimpleNamespace(children=lambda: workers),
  )  # fmt: skip
  monkeypatch.setattr(launchpad.psutil, 'wait_procs', wait_procs)
  monkeypatch.setattr(
    launchpad.signal, 'signal', lambda *given: done.append(given)
  )
  launchpad._end_workers()
  assert done == [
    # Launchpad's alarm would break this off.
    (signal.SIGALRM, signal.SIG_IGN),
    'b asked', 'c asked', 'd asked',
    # As long as Launchpad gives them.
    10,
    'c killed', 'd killed',
  ]  # fmt: skip
