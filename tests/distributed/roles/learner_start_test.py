"""Where a learner begins, and of what its training is made."""

import types as stdlib_types

import jax
import pytest

from attn_agents.distributed import topology
from attn_agents.distributed.hosts import membership
from attn_agents.distributed.roles import learner as learner_role
from attn_agents.learning import (
  company,
  game_scores,
  metrics,
  profiling,
  training,
)
from attn_agents.runs import checkpoints, run_directory, snapshots
from configs import overrides, resolution
from tests.distributed import stopping


@pytest.mark.parametrize(('count', 'used'), [(0, 'abcd'), (1, 'a'), (3, 'abc')])
def test_a_learner_uses_as_many_devices_as_it_is_told(monkeypatch, count, used):
  monkeypatch.setattr(jax, 'local_devices', lambda: list('abcd'))
  assert ''.join(learner_role._devices(count)) == used


class _Connection:
  """To nobody."""

  def __init__(self):
    self.source = stdlib_types.SimpleNamespace(batches=lambda: iter(()))

  def make_source(self):
    return self.source

  def make_publisher(self):
    return stdlib_types.SimpleNamespace(publish=lambda values, version: None)


@pytest.mark.parametrize('num_hosts', [1, 2])
def test_a_training_is_made_of_what_place_and_config_say(
  num_hosts, tmp_path, monkeypatch
):
  request = resolution.Request(
    agent='impala_shallow', preset='small', game='catch'
  )
  config = resolution.resolve(request, 'cpu', 1, 2)
  run_directory.RunDirectory(tmp_path).write(
    {'config': overrides.to_dict(config)}
  )
  place = topology.Topology(
    str(tmp_path), '', '', (0,), config.runtime.envs_per_actor,
    num_hosts=num_hosts, devices=1, has_actor_hosts=True,
  )  # fmt: skip
  made, given, profiled, said = {}, [], [], []

  def remember(*args, **named):
    given.extend(args)
    made.update(named)
    return 'training'

  monkeypatch.setattr(
    profiling, 'Profiler', lambda *args: profiled.append(args) or 'profiler'
  )
  monkeypatch.setattr(training, 'Training', remember)
  role = learner_role.LearnerRole(place)
  role._status = stdlib_types.SimpleNamespace(
    set=lambda *words, **extra: said.append((*words, extra))
  )
  role._hosts = role._alone = None
  hosts = stdlib_types.SimpleNamespace(
    company=company.Alone(), hand_over=lambda start: start
  )
  monkeypatch.setattr(role, '_join_hosts', lambda: hosts)
  connection = _Connection()
  monkeypatch.setattr(role, '_connect', lambda parts: connection)
  assert role._make_training() == 'training'
  waiting = ('starting', 'waiting for the other learner hosts', {})
  devices = [str(jax.local_devices()[0])]
  assert said == [waiting] * (num_hosts - 1) + [
    ('starting', 'connecting to the actors', {'frames': 0, 'devices': devices})
  ]
  learner, _, _, _, runtime, start = given
  kind = 'Learner' if num_hosts == 1 else 'JointLearner'
  assert type(learner).__name__ == kind
  assert (runtime, start.counters.frames) == (config.runtime, 0)
  assert made['max_frames'] == config.max_frames
  assert made['source'] is connection.source
  assert profiled == [(tmp_path / 'tensorboard', None)]
  assert made['profiler'] == 'profiler'
  assert isinstance(made['scores'], game_scores.GameScores)
  made['report']('compiling the update')
  assert said[-1] == ('running', 'compiling the update', {})
  if num_hosts == 1:
    # Without data it is to be continued.
    assert made['company_'] is role._alone
    assert role._alone._has_actor_hosts
  else:
    assert (made['company_'], role._alone) == (hosts.company, None)
  # Others would wait for it in the update's sums.
  assert made['compile_first'] == (num_hosts == 1)
  if num_hosts == 1:
    batch, info = made['empty']()
    assert not batch.action.any()
    assert info.agent_steps == 0


@pytest.mark.parametrize('hosts', ['none', 'first', 'other'])
@pytest.mark.parametrize('saved', [None, 7])
@pytest.mark.parametrize('init_from', ['', '/another/run'])
def test_where_a_learner_begins(monkeypatch, hosts, saved, init_from):
  made = []

  class Checkpointer:
    def __init__(self, *args, **named):
      made.append((args, named))

    def newest(self):
      return saved

    def restore(self, spec):
      assert spec == 'spec'
      return snapshots.Snapshot('restored', snapshots.Counters(learner_steps=9))

  def initial(values):
    return snapshots.Snapshot(values, snapshots.Counters())

  def load_into(config, start):
    assert (config, start.state) == (parts.config, 'initial')
    return initial('loaded')

  def hand_over(start):
    handed.append(start.state)
    return start

  monkeypatch.setattr(checkpoints, 'Checkpointer', Checkpointer)
  monkeypatch.setattr(learner_role.initial_parameters, 'load_into', load_into)
  monkeypatch.setattr(metrics, 'MetricsWriter', lambda *given: given)
  runtime = stdlib_types.SimpleNamespace(
    checkpoints_kept=5, init_from=init_from
  )
  parts = stdlib_types.SimpleNamespace(
    config=stdlib_types.SimpleNamespace(runtime=runtime),
    games=('catch',),
    initial_snapshot=lambda: initial('initial'),
    nothing_yet=lambda: initial('nothing'),
    state_spec=lambda: 'spec',
  )
  handed = []
  role = learner_role.LearnerRole(topology.Topology('/run', '', '', (), 1))
  role._hosts = None
  if hosts != 'none':
    role._hosts = stdlib_types.SimpleNamespace(
      company=stdlib_types.SimpleNamespace(leads=hosts == 'first'),
      hand_over=hand_over,
    )
  run = stdlib_types.SimpleNamespace(path='/run', checkpoints='/run/saved')
  start, checkpointer, writer = role._open_run(run, parts)
  if hosts == 'other':
    # The first host has everything.
    assert (start.state, handed, made) == ('nothing', ['nothing'], [])
    assert isinstance(checkpointer, company.NoCheckpoints)
    assert isinstance(writer, company.NoMetrics)
    return
  expected = 'loaded' if init_from else 'initial'
  if saved is not None:
    expected = 'restored'
  assert start.state == expected
  assert handed == [expected] * (hosts == 'first')
  of_many = {'keep': 5, 'host_of_many': hosts == 'first'}
  assert made == [(('/run/saved',), of_many)]
  assert writer == ('/run', start.counters.learner_steps, ('catch',))


def test_other_hosts_can_end_this_one(monkeypatch):
  monkeypatch.setattr(membership, 'Membership', lambda *given: given)
  place = topology.Topology('/run', '', '', (), 1, num_hosts=2)
  role = learner_role.LearnerRole(place)
  role._stop = stopping.Stop()
  assert role._join_hosts() == (place, role._stop.event, role._end_without)
