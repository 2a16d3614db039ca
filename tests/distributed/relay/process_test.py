"""What the relay's process makes of its settings, and what it says."""

import json
import socket

import pytest

from attn_agents.distributed import isolation, lifecycle, run_key
from attn_agents.distributed.relay import (
  actor_end,
  learner_end,
  process,
  serving,
)
from attn_agents.utils import patience


def _settings(**changes):
  return {'join': 0, 'confine': False, **changes}


def test_it_enters_the_network_that_it_is_told(monkeypatch):
  entered = []
  result = isolation.Isolation(True, 'as said')
  monkeypatch.setattr(isolation, 'join', entered.append)
  monkeypatch.setattr(isolation, 'confine_to_loopback', lambda: result)
  process._enter_network(_settings())
  assert entered == []
  process._enter_network(_settings(join=7, confine=True))
  assert entered == [7]
  process._enter_network(_settings(confine=True))
  assert entered == [7]
  result = isolation.Isolation(False, 'as said')
  with pytest.raises(RuntimeError) as caught:
    process._enter_network(_settings(confine=True))
  assert str(caught.value) == 'this host cannot keep Reverb to itself (as said)'


@pytest.fixture(name='sockets')
def _sockets():
  made = [socket.create_server(('127.0.0.1', 0)) for _ in range(3)]
  yield made
  for each in made:
    each.close()


def _made(tmp_path, sockets, role, **more):
  key = run_key.make_or_load(tmp_path)
  local, outside = sockets[:2], sockets[2:]
  found, visitors = process._make({
    'limits': serving.Limits(connections=5)._asdict(),
    'local': {
      name: each.detach()
      for name, each in zip(('queue', 'variables'), local, strict=True)
    },
    'listening': [each.detach() for each in outside],
    'role': role,
    'key': str(run_key.paths(tmp_path)[role]),
    **more,
  })  # fmt: skip
  sockets.extend(found)
  return key, found, visitors


def test_a_learners_end_serves_hosts_and_what_is_here(
  tmp_path, sockets, monkeypatch
):
  ports = [each.getsockname()[1] for each in sockets]
  seen = []

  class End:
    visitors = 'visitors'
    serve = 'from outside'

    def __init__(self, *given):
      seen.append(given)

    def serve_here(self, name):
      return f'{name} here'

  monkeypatch.setattr(learner_end, 'LearnerEnd', End)
  key, found, visitors = _made(
    tmp_path, sockets, run_key.LEARNER, services={'queue': 'q:1'}, facts='{}'
  )
  ((given, services, limits, facts),) = seen
  assert (given.run, services, facts) == (key.run, {'queue': 'q:1'}, '{}')
  assert limits == serving.Limits(connections=5)
  handlers = {each.getsockname()[1]: what for each, what in found.items()}
  assert handlers == {
    ports[0]: 'queue here', ports[1]: 'variables here', ports[2]: 'from outside'
  }  # fmt: skip
  assert visitors == 'visitors'


def test_an_actors_end_asks_for_what_is_asked_here(
  tmp_path, sockets, monkeypatch
):
  sockets.pop().close()
  ports = [each.getsockname()[1] for each in sockets]
  seen = []

  class End:
    visitors = 'visitors'

    def __init__(self, *given):
      seen.append(given)

    def serve(self, name):
      return f'{name} there'

  monkeypatch.setattr(actor_end, 'ActorEnd', End)
  key, found, visitors = _made(
    tmp_path, sockets, run_key.ACTOR, learner_address='h:7'
  )
  ((given, *rest),) = seen
  assert given.run == key.run
  assert rest == ['h:7', ['queue', 'variables'], serving.Limits(connections=5)]
  handlers = {each.getsockname()[1]: what for each, what in found.items()}
  assert handlers == {ports[0]: 'queue there', ports[1]: 'variables there'}
  assert visitors == 'visitors'


class _Visitors:
  """Who is there, as the test says."""

  def __init__(self):
    self.now = {}

  def hosts(self):
    return self.now

  def other_hosts(self):
    return set(self.now)


class _Status:
  def __init__(self):
    self.said = []

  def set(self, *said, **extra):
    self.said.append((*said, extra))


def test_the_status_says_who_is_there_and_that_often(monkeypatch):
  now = [100.0]
  monkeypatch.setattr(process.time, 'monotonic', lambda: now[0])
  status, visitors = _Status(), _Visitors()
  watch = process._Watch(status, visitors, 'for this host only')
  watch()
  assert status.said == [('running', 'for this host only', {'hosts': {}})]
  watch()
  now[0] = 105.0
  watch()
  assert len(status.said) == 1
  # The parent may have removed it.
  now[0] = 105.1
  watch()
  assert len(status.said) == 2
  visitors.now = {'10.0.0.2': 3}
  watch()
  assert status.said[2] == (
    'running', 'for actor hosts: 10.0.0.2 joined; 1 there',
    {'hosts': {'10.0.0.2': 3}},
  )  # fmt: skip
  assert len(status.said) == 3
  # What says nothing is not written at once.
  status, visitors = _Status(), _Visitors()
  process._Watch(status, visitors, '')()
  assert status.said == []


def test_last_words_are_waited_for_but_not_for_ever(monkeypatch):
  visitors, slept = _Visitors(), []
  monkeypatch.setattr(patience, '_now', lambda: sum(slept))
  monkeypatch.setattr(process.time, 'sleep', slept.append)
  process._outlast(visitors)
  assert slept == []
  visitors.now = {'10.0.0.2': 1}
  process._outlast(visitors)
  assert set(slept) == {0.05}
  assert sum(slept) == pytest.approx(2.0, abs=0.06)


class _LeftError(Exception):
  """In place of the end of the process."""


@pytest.mark.parametrize(
  ('confined', 'what'), [(True, 'as said (confined)'),
                         (False, 'as said (not confined)')],
)  # fmt: skip
def test_a_relay_serves_until_it_is_told_to_stop(
  tmp_path, monkeypatch, capsys, confined, what
):
  directory, done, visitors = tmp_path / 'sockets', [], _Visitors()
  # Its parent may have removed it.
  if confined:
    directory.mkdir()
  settings = {
    'logdir': str(tmp_path / 'run'), 'directory': str(directory),
    'what': 'as said',
  }  # fmt: skip

  def told():
    (status,) = lifecycle.read_statuses(tmp_path / 'run')
    return status.state, status.detail, status.extra

  def enter(given):
    assert given == settings
    done.append(told()[0])

  def accept(handlers, stop, watch):
    done.append((handlers, stop, *told()))
    visitors.now = {'10.0.0.2': 1}
    watch()
    done.append(told()[1:])

  def leave(code):
    done.append(code)
    raise _LeftError

  monkeypatch.setattr(process, '_enter_network', enter)
  monkeypatch.setattr(process, '_make', lambda given: ('handlers', visitors))
  monkeypatch.setattr(process, '_outlast', done.append)
  monkeypatch.setattr(process.serving, 'accept', accept)
  monkeypatch.setattr(process.os, '_exit', leave)
  monkeypatch.setattr(isolation, 'is_confined', lambda: confined)
  monkeypatch.setattr(lifecycle, 'log_to_file', lambda *args: done.append(args))
  monkeypatch.setattr(lifecycle, 'die_with_parent', lambda: done.append('tied'))
  monkeypatch.setattr(lifecycle, 'StopSignal', lambda: 'stop')
  argv = ['relay', f'--settings={json.dumps(settings)}']
  monkeypatch.setattr(process.sys, 'argv', argv)
  with pytest.raises(_LeftError):
    process.main()
  there = {'hosts': {'10.0.0.2': 1}}
  assert done == [
    (settings['logdir'], 'relay-0'),
    'starting',
    # Afterwards: new capabilities would undo it.
    'tied',
    ('handlers', 'stop', 'running', what, {'hosts': {}}),
    ('for actor hosts: 10.0.0.2 joined; 1 there', there),
    visitors,
    0,
  ]
  assert told() == ('stopped', '', there)
  assert not directory.exists()
  assert capsys.readouterr().out == f'{what}\n'


def test_a_relay_that_cannot_start_says_why_and_leaves_nothing(
  tmp_path, monkeypatch, capsys
):
  directory = tmp_path / 'sockets'
  directory.mkdir()
  settings = (
    f'{{"logdir": "{tmp_path}", "directory": "{directory}", "join": 0, '
    '"confine": true}'
  )
  result = isolation.Isolation(False, 'as said')
  monkeypatch.setattr(isolation, 'confine_to_loopback', lambda: result)
  monkeypatch.setattr(lifecycle, 'log_to_file', lambda logdir, name: None)
  monkeypatch.setattr(lifecycle, 'StopSignal', lambda: None)
  monkeypatch.setattr(process.sys, 'argv', ['relay', f'--settings={settings}'])
  assert process.main() == 1
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.role, status.state) == ('relay', 'failed')
  assert status.detail == (
    'RuntimeError: this host cannot keep Reverb to itself (as said)'
  )
  assert not directory.exists()
  # Its log says where.
  assert 'Traceback' in capsys.readouterr().err
