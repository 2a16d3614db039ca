"""What a learner says of itself as it ends, without learning anything."""

import json
import threading
import types as stdlib_types

import jax
import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.hosts import joining
from attn_agents.distributed.roles import base
from attn_agents.distributed.roles import learner as learner_role
from attn_agents.learning import company, training
from attn_agents.runs import run_directory, snapshots
from configs import overrides, resolution
from tests.distributed import stopping


class _Status(lifecycle.StatusFile):
  """Remembers all that was said."""

  def __init__(self, logdir):
    super().__init__(logdir, 'learner')
    self.said = []

  def set(self, state, detail='', **extra):
    self.said.append((state, detail, extra))
    super().set(state, detail, **extra)


class _Training:
  """Ends as it is told to; the newest save is at frame 300."""

  warning = ''

  def __init__(self, end):
    self._end = end
    self.saved = snapshots.Counters(frames=300)
    self.latest = snapshots.Snapshot(
      {'w': [1.0]}, snapshots.Counters(frames=320, learner_steps=8)
    )
    self.late_saves = 0

  def run(self, should_stop):
    return self._end(should_stop)

  def save_latest(self):
    self.late_saves += 1


class _Hosts:
  """One of two hosts."""

  def __init__(self, why='', frames=300):
    self.company = stdlib_types.SimpleNamespace(why=lambda: why, differs='')
    self.frames, self.parted, self.failed = frames, [], []

  def is_reason(self, error):
    return True

  def part(self, saved, seconds):
    self.parted.append((saved, seconds))
    return self.frames

  def fail(self, error):
    self.failed.append(str(error))


class _Learner(learner_role.LearnerRole):
  def __init__(self, logdir, training, hosts=None, alone=None, index=0):
    place = topology.Topology(
      str(logdir), '', '', (0,), 1, host_index=index,
      num_hosts=1 if hosts is None else 2,
    )  # fmt: skip
    super().__init__(place)
    self.made, self.hosts, self.alone = training, hosts, alone
    self.disconnected = 0

  def _make_training(self):
    self._hosts, self._alone = self.hosts, self.alone
    if isinstance(self.made, BaseException):
      raise self.made
    return self.made

  def _disconnect(self):
    self.disconnected += 1


def _work(tmp_path, learner, stop=None):
  status = _Status(tmp_path)
  learner.work(status, stop or stopping.Stop())
  return status.said


_SAVED = ('running', 'saved', {'saved': 300, 'warning': ''})


@pytest.mark.parametrize(('full', 'last'), [(True, 'done'), (False, 'stopped')])
def test_a_run_of_one_host_says_what_is_saved_and_how_it_ends(
  tmp_path, full, last
):
  learner = _Learner(tmp_path, _Training(lambda stop: full))
  assert _work(tmp_path, learner) == [_SAVED, (last, '', {})]
  assert learner.disconnected == 1
  assert learner.made.late_saves == 0
  written = json.loads((tmp_path / 'status/learner-0.json').read_text())
  assert (written['state'], written['extra']['saved']) == (last, 300)


def test_a_fault_is_raised_after_what_is_saved_is_told(tmp_path):
  def fail(stop):
    raise ValueError('no more')

  learner, status = _Learner(tmp_path, _Training(fail)), _Status(tmp_path)
  with pytest.raises(ValueError, match='no more'):
    learner.work(status, stopping.Stop())
  assert status.said == [_SAVED]
  assert learner.disconnected == 1


def test_a_fault_before_there_is_a_training_is_raised(tmp_path):
  with pytest.raises(KeyError, match='agent'):
    _work(tmp_path, _Learner(tmp_path, KeyError('agent')))


def test_an_update_that_does_not_end_is_left_and_the_newest_saved(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(base, 'GRACE_SECONDS', 0.2)
  stop, ended = stopping.Stop(), threading.Event()
  stop.event.set()
  learner = _Learner(tmp_path, _Training(lambda stop: ended.wait(30)))
  assert _work(tmp_path, learner, stop)[-1] == ('stopped', '', {})
  ended.set()
  assert learner.made.late_saves == 1


def test_a_run_that_lacks_its_actor_hosts_says_that_it_was_interrupted(
  tmp_path,
):
  alone = company.Alone(True)
  learner = _Learner(
    tmp_path,
    _Training(lambda stop: not alone.leave_for('no data for 600 s')),
    alone=alone,
  )
  assert _work(tmp_path, learner)[1:] == [
    ('running', 'leaving', {'interrupted': 'no data for 600 s'}),
    ('stopped', '', {}),
  ]


def test_hosts_that_have_not_come_interrupt_and_do_not_fail(tmp_path):
  learner = _Learner(tmp_path, joining.AbsentError('of 2 not all came'))
  assert _work(tmp_path, learner) == [
    ('running', 'leaving', {'interrupted': 'of 2 not all came'}),
    ('stopped', '', {}),
  ]


@pytest.mark.parametrize(
  ('full', 'why', 'seconds'),
  [(True, '', 20.0), (False, 'host 1: no data', 20.0), (False, '', 2.0)],
)
def test_a_host_of_two_says_why_and_with_what_it_leaves(
  tmp_path, full, why, seconds
):
  hosts = _Hosts(why)
  learner = _Learner(tmp_path, _Training(lambda stop: full), hosts)
  latest = learner.made.latest
  seal = {'updates': 8, 'digest': snapshots.digest(latest)}
  interrupted = [('running', 'leaving', {'interrupted': why})] if why else []
  assert _work(tmp_path, learner) == [
    _SAVED,
    *interrupted,
    ('running', 'leaving', seal),
    ('running', 'saved', {'saved': 300}),
    ('done' if full else 'stopped', '', {}),
  ]
  assert hosts.parted == [(300, seconds)]


def test_another_host_than_the_first_says_nothing_of_what_it_did_not_save(
  tmp_path,
):
  hosts = _Hosts(frames=None)
  learner = _Learner(tmp_path, _Training(lambda stop: True), hosts, index=1)
  learner.made.saved = None
  said = _work(tmp_path, learner)
  assert [detail for _, detail, _ in said] == ['leaving', '']
  assert hosts.parted == [(None, 20.0)]


def test_a_host_of_two_that_fails_tells_the_other(tmp_path):
  def fail(stop):
    raise ValueError('no more')

  hosts = _Hosts()
  learner = _Learner(tmp_path, _Training(fail), hosts)
  with pytest.raises(ValueError, match='no more'):
    _work(tmp_path, learner)
  assert (hosts.failed, hosts.parted) == (['no more'], [])


class _GoneError(Exception):
  """In place of the end of the process."""


@pytest.mark.parametrize(
  ('failed', 'index', 'differs', 'last', 'code', 'saves'),
  [
    (True, 0, '', ('failed', 'host 1 is lost', {}), 1, 1),
    (False, 0, '', ('stopped', '', {'interrupted': 'host 1 is lost'}), 0, 1),
    (False, 1, '', ('stopped', '', {'interrupted': 'host 1 is lost'}), 0, 0),
    # Of a state that some host has computed wrongly nothing is kept.
    (True, 0, 'they differ', ('failed', 'host 1 is lost', {}), 1, 0),
  ],
)
def test_without_the_other_host_it_saves_what_there_is_and_ends(
  tmp_path, monkeypatch, capsys, failed, index, differs, last, code, saves
):
  codes = []

  def leave(code):
    codes.append(code)
    raise _GoneError

  monkeypatch.setattr(learner_role.os, '_exit', leave)
  hosts = _Hosts()
  hosts.company.differs = differs
  learner = _Learner(tmp_path, _Training(lambda stop: True), hosts, index=index)
  learner._training, learner._hosts = learner.made, hosts
  learner._status = _Status(tmp_path)
  with pytest.raises(_GoneError):
    learner._end_without('host 1 is lost', failed)
  assert learner._status.said == [_SAVED] * saves + [last]
  assert learner.made.late_saves == saves
  assert (codes, learner.disconnected) == ([code], 1)
  assert capsys.readouterr().out == 'leaving: host 1 is lost\n'


@pytest.mark.parametrize(('count', 'used'), [(0, 'abcd'), (1, 'a'), (3, 'abc')])
def test_a_learner_uses_as_many_devices_as_it_is_told(monkeypatch, count, used):
  monkeypatch.setattr(jax, 'local_devices', lambda: list('abcd'))
  assert ''.join(learner_role._devices(count)) == used


class _Connection:
  """To nobody."""

  def make_source(self):
    return stdlib_types.SimpleNamespace(batches=lambda: iter(()))

  def make_publisher(self):
    return stdlib_types.SimpleNamespace(publish=lambda values, version: None)


@pytest.mark.parametrize('num_hosts', [1, 2])
def test_only_who_learns_alone_compiles_before_there_is_data(
  num_hosts, tmp_path, monkeypatch
):
  """Others would wait for it in the update's sums."""
  request = resolution.Request(
    agent='impala_shallow', preset='small', game='catch'
  )
  config = resolution.resolve(request, 'cpu', 1, 2)
  run_directory.RunDirectory(tmp_path).write(
    {'config': overrides.to_dict(config)}
  )
  place = topology.Topology(
    str(tmp_path), '', '', (0,), config.runtime.envs_per_actor,
    num_hosts=num_hosts, devices=1,
  )  # fmt: skip
  made = {}

  def remember(*args, **named):
    del args
    made.update(named)

  monkeypatch.setattr(training, 'Training', remember)
  role = learner_role.LearnerRole(place)
  role._status = _Status(tmp_path)
  role._hosts = role._alone = None
  hosts = stdlib_types.SimpleNamespace(
    company=company.Alone(), hand_over=lambda start: start
  )
  monkeypatch.setattr(role, '_join_hosts', lambda: hosts)
  monkeypatch.setattr(role, '_connect', lambda parts: _Connection())
  role._make_training()
  assert made['compile_first'] == (num_hosts == 1)
  if num_hosts == 1:
    batch, info = made['empty']()
    assert not batch.action.any()
    assert info.agent_steps == 0
