import contextlib
import os
import pathlib
import subprocess
import sys

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


def test_an_evaluator_is_one_more_node():
  graph = launchpad.build(_place(evaluate_every=1000))
  assert len(graph.groups['evaluator']) == 1
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
