import launchpad as lp
import pytest

from attn_agents.distributed import process_environment, topology
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
