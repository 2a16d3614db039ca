"""What a learner says of itself as it ends, without learning anything."""

import json
import threading
import types as stdlib_types

import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.hosts import joining
from attn_agents.distributed.roles import base
from attn_agents.distributed.roles import learner as learner_role
from attn_agents.learning import (
  company,
)
from attn_agents.runs import snapshots
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
    # As a debugger shows it; and no end of the process waits for it.
    thread = threading.current_thread()
    assert (thread.name, thread.daemon) == ('learner', True)
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


def test_a_fault_is_raised_after_what_is_saved_is_told(tmp_path, capsys):
  def fail(stop):
    raise ValueError('no more')

  learner, status = _Learner(tmp_path, _Training(fail)), _Status(tmp_path)
  with pytest.raises(ValueError, match='no more'):
    learner.work(status, stopping.Stop())
  assert status.said == [_SAVED]
  assert learner.disconnected == 1
  assert 'Traceback' in capsys.readouterr().err


def test_a_fault_before_there_is_a_training_is_raised(tmp_path):
  with pytest.raises(KeyError, match='agent'):
    _work(tmp_path, _Learner(tmp_path, KeyError('agent')))


def test_an_update_that_does_not_end_is_left_and_the_newest_saved(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(base, 'GRACE_SECONDS', 0.2)
  stop, ended = stopping.Stop(), threading.Event()

  def learn(stop):
    # It is heard in the middle of an update.
    stop.event.set()
    ended.wait(30)

  learner = _Learner(tmp_path, _Training(learn))
  assert _work(tmp_path, learner, stop)[-1] == ('stopped', '', {})
  ended.set()
  assert learner.made.late_saves == 1


def test_a_learner_is_looked_at_several_times_a_second(tmp_path, monkeypatch):
  joins, stop = [], stopping.Stop()

  class Thread:
    def __init__(self, target, name, daemon):
      self._looks, self.start = 0, lambda: None

    def is_alive(self):
      self._looks += 1
      assert self._looks < 20, 'it does not wait'
      return len(joins) < 3

    def join(self, timeout):
      joins.append(timeout)
      if len(joins) == 2:
        stop.event.set()

  monkeypatch.setattr(learner_role.threading, 'Thread', Thread)
  _work(tmp_path, _Learner(tmp_path, _Training(None)), stop)
  assert joins == [0.1] * 3


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
  save = learner.made.save_latest

  def save_slowly():
    assert threading.current_thread().daemon
    threading.Event().wait(0.05)
    save()

  learner.made.save_latest = save_slowly
  learner._training, learner._hosts = learner.made, hosts
  learner._status = _Status(tmp_path)
  with pytest.raises(_GoneError):
    learner._end_without('host 1 is lost', failed)
  assert learner._status.said == [_SAVED] * saves + [last]
  assert learner.made.late_saves == saves
  assert (codes, learner.disconnected) == ([code], 1)
  assert capsys.readouterr().out == 'leaving: host 1 is lost\n'


def test_a_save_that_does_not_end_is_left(tmp_path, monkeypatch):
  monkeypatch.setattr(base, 'GRACE_SECONDS', 0.02)
  monkeypatch.setattr(learner_role.os, '_exit', lambda code: None)
  ended = threading.Event()
  learner = _Learner(tmp_path, None)
  learner.made = learner._training = _Training(None)
  learner.made.save_latest = lambda: ended.wait(30)
  learner._hosts, learner._status = None, _Status(tmp_path)
  learner._end_without('host 1 is lost', True)
  assert learner._status.said == [('failed', 'host 1 is lost', {})]
  ended.set()
