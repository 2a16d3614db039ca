"""What the parts that one `Experiment` makes have in common."""

import concurrent.futures
import dataclasses
import threading

import jax
import numpy as np
from jax import flatten_util

from attn_agents import agent as agent_lib
from attn_agents import experiment
from attn_agents.learning import company
from tests import in_process


class _Variables:
  """The first parameters, once."""

  def __init__(self, params):
    self._newest = (0, np.asarray(flatten_util.ravel_pytree(params)[0]))

  def take(self):
    newest, self._newest = self._newest, None
    return newest

  def wait(self, timeout):
    return self._newest is not None


class _Sink:
  def __init__(self):
    self.actors = []

  def insert(self, trajectory):
    self.actors.append(int(trajectory.report.actor_id))
    return 0.0


def test_actors_compile_one_policy_together(monkeypatch):
  traces, step = [], agent_lib.Agent.step

  def traced(self, *args, **options):
    traces.append(threading.get_ident())
    return step(self, *args, **options)

  monkeypatch.setattr(agent_lib.Agent, 'step', traced)
  parts = experiment.Experiment(
    in_process.catch_config(
      'learning.batch_size=4', 'learning.num_minibatches=4',
      'runtime.envs_per_actor=4',
      'learning.unroll_length=2', agent='impala_shallow',
    )
  )  # fmt: skip
  params, sink = parts.agent.initial_params(jax.random.key(0)), _Sink()
  both = threading.Barrier(2)

  def live(index, incarnation, others=None):
    if others:
      others.wait(30)
    player = parts.make_actor(
      _Variables(params), sink, parts.seeds(index, incarnation), index
    )
    player.run_unroll()
    player.close()

  with concurrent.futures.ThreadPoolExecutor(2) as threads:
    lives = [threads.submit(live, index, 0, both) for index in range(2)]
    for life in lives:
      life.result(60)
  # Nor does an actor that is started again.
  live(1, 1)
  assert sorted(sink.actors) == [0, 1, 1]
  assert len(traces) == 1


def test_q_learning_sends_epsilon_with_the_parameters():
  """By the steps of all actors; 0.05 while scoring."""
  config = in_process.catch_config(agent='dqn')
  parts = experiment.Experiment(config)
  params = parts.initial_snapshot().state.params
  count = sum(x.size for x in jax.tree.leaves(params))
  assert parts.num_variables == count + 1
  # From 1 at 1,000 steps to 0.02 at 11,000.
  flat = flatten_util.ravel_pytree(parts.variables(params, np.int32(6000)))[0]
  sent = parts.unravel()(flat)
  np.testing.assert_allclose(sent.selection, [0.51], rtol=1e-5)
  jax.tree.map(np.testing.assert_array_equal, sent.params, params)
  scoring = parts.evaluation_variables(params)
  np.testing.assert_allclose(scoring.selection, [0.05])
  other = experiment.Experiment(in_process.catch_config(agent='impala_shallow'))
  params = other.params_spec
  assert other.evaluation_variables(params) == (params, ())


def test_each_host_has_its_share_of_a_batch():
  config = in_process.catch_config(
    'learning.batch_size=32', 'runtime.envs_per_actor=8',
    'learning.max_policy_lag=none', agent='impala_shallow',
  )  # fmt: skip
  for hosts, items in ((1, 4), (2, 2)):
    parts = experiment.Experiment(config, hosts)
    assert (parts.items_per_batch, parts.items_per_read) == (items, items)
  config = in_process.catch_config('learning.batch_size=16', agent='dqn')
  whole = experiment.Experiment(config).replay
  assert whole.batch_size == 16
  assert experiment.Experiment(config, 2).replay == dataclasses.replace(
    whole, batch_size=8
  )
  # In lock step, whatever has come is looked at, one by one.
  config = in_process.catch_config(
    'learning.batch_size=16', 'runtime.envs_per_actor=8',
    agent='impala_shallow', algorithm='ppo',
  )  # fmt: skip
  parts = experiment.Experiment(config)
  assert (parts.items_per_batch, parts.items_per_read) == (2, 1)


def test_a_host_that_is_told_where_to_begin_has_room_for_it():
  parts = experiment.Experiment(in_process.catch_config(agent='impala_shallow'))
  nothing = parts.nothing_yet()
  assert nothing.counters.learner_steps == nothing.counters.frames == 0

  def check(empty, spec):
    assert (empty.shape, empty.dtype) == (spec.shape, spec.dtype)
    assert not empty.any()

  jax.tree.map(check, nothing.state, parts.state_spec())


def test_each_life_of_each_actor_on_each_host_has_seeds_of_its_own():
  config = in_process.catch_config(agent='impala_shallow')
  parts = experiment.Experiment(config)
  lives = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
  found = {parts.seeds(*life) for life in lives}
  assert len(found) == 4
  assert parts.seeds(0, 0) in found
  other = experiment.Experiment(dataclasses.replace(config, seed=7))
  assert other.seeds(0, 0) not in found


class _Made:
  """What some classes and functions were given by name."""

  def __init__(self, monkeypatch):
    self.given = {}
    self._monkeypatch = monkeypatch

  def instead_of(self, module, name):
    def make(*args, **named):
      self.given[name] = args, named

    self._monkeypatch.setattr(module, name, make)


def test_actors_and_learners_are_made_with_the_numbers_of_the_config(
  monkeypatch,
):
  config = in_process.catch_config(
    'learning.unroll_length=6', 'learning.max_policy_lag=1',
    'learning.batch_size=20', 'runtime.num_actors=4',
    'runtime.envs_per_actor=5', 'runtime.env_threads=3', 'max_hours=2',
    'runtime.publish_every_updates=1', 'queue.prefetch_batches=2',
    agent='impala_shallow',
  )  # fmt: skip
  parts, made = experiment.Experiment(config), _Made(monkeypatch)
  made.instead_of(experiment.environments, 'make_environment')
  made.instead_of(experiment.actor, 'Actor')
  made.instead_of(experiment.feeder, 'Feeder')
  made.instead_of(experiment.learner, 'Learner')
  made.instead_of(experiment.joint_learner, 'JointLearner')
  seeds, devices = parts.seeds(1, 0), jax.local_devices()[:1]
  parts.make_actor('variables', 'sink', seeds, 1, keep_on_device=True)
  assert made.given['make_environment'] == (
    (config.environment,),
    {'num_envs': 5, 'seed': seeds.environment, 'num_threads': 3},
  )
  args, named = made.given['Actor']
  assert args[1:] == (parts.policy, 'variables', 'sink')
  assert named == {
    'unroll_length': 6, 'policy_seed': seeds.policy, 'actor_id': 1,
    'max_policy_lag': 1, 'keep_on_device': True,
  }  # fmt: skip
  parts.make_feeder('batches', devices)
  assert made.given['Feeder'] == (('batches', devices, 2), {})
  alone = company.Alone()
  parts.make_learner('start', 'publisher', devices)
  parts.make_learner('start', 'publisher', devices, alone)
  for name, beside in (('Learner', {}), ('JointLearner', {'company_': alone})):
    args, named = made.given[name]
    assert args[1:] == ('start', 'publisher', devices)
    del named['measure']
    assert named == beside | {
      'action_repeat': parts.environment_spec.action_repeat,
      'publish_every_updates': 1, 'synchronous': False,
      'max_seconds': 7200.0, 'to_publish': parts.variables,
    }  # fmt: skip
