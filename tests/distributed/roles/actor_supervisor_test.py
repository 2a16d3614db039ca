"""How actors that break are started again, and how often."""

import pathlib
import subprocess
import sys
import types

import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import actor_supervisor
from attn_agents.runs import run_directory
from configs import resolution


class _Stop:
  """A stop signal whose waits take no time, and are noted."""

  def __init__(self, stop_at=None):
    self.event = self
    self.waits = []
    self._stop_at = stop_at

  def wait(self, seconds=None):
    self.waits.append(seconds)
    return len(self.waits) == self._stop_at


def _config(most, algorithm='vtrace', *settings):
  if algorithm == 'vtrace':
    settings = ['learning.max_policy_lag=none', *settings]
  request = resolution.Request(
    game='catch',
    algorithm=algorithm,
    settings=[f'runtime.max_actor_restarts={most}', *settings],
  )
  return resolution.resolve(request, 'cpu', 1, cores=2)


def _status(tmp_path):
  file = lifecycle.StatusFile(tmp_path, 'actor_supervisor', 0, 'threads')

  def read():
    (status,) = lifecycle.read_statuses(tmp_path)
    return status

  return file, read


def test_each_start_is_counted_and_pauses_grow(tmp_path):
  file, read = _status(tmp_path)
  stop, starts = _Stop(), []

  def run_actor(restart):
    starts.append((restart, read().state, read().extra['restarts']))
    return 'broke' if restart < 6 else None

  assert actor_supervisor.keep_alive(
    run_actor, 'actor-3', _config(6), file, stop
  )
  assert starts == [(i, 'running', i) for i in range(7)]
  assert stop.waits == [1, 2, 4, 8, 8, 8]
  assert read().state == 'stopped'
  assert read().shared_log == 'threads'


def test_a_stop_ends_the_pause(tmp_path):
  file, read = _status(tmp_path)
  starts = []
  run_actor = lambda n: starts.append(n) or 'broke'  # noqa: E731
  stop = _Stop(stop_at=2)
  assert actor_supervisor.keep_alive(
    run_actor, 'actor-3', _config(6), file, stop
  )
  assert starts == [0, 1]
  assert read().state == 'stopped'


def test_used_up_restarts_are_named_and_end_a_run_that_needs_every_actor(
  tmp_path, capsys
):
  file, read = _status(tmp_path)
  run_actor = lambda n: 'broke'  # noqa: E731
  assert not actor_supervisor.keep_alive(
    run_actor, 'actor-3', _config(2), file, _Stop()
  )
  # All actors' lines may go to one log.
  assert capsys.readouterr().out.splitlines() == [
    'actor-3 broke; restart 1 of 2 in 1 s',
    'actor-3 broke; restart 2 of 2 in 2 s',
    'actor-3 broke, 2 restarts used up',
  ]
  assert (read().state, read().detail) == (
    'failed',
    'actor broke, 2 restarts used up',
  )
  # How often it has been started.
  assert read().extra == {'restarts': 3}
  file, _ = _status(tmp_path / 'other')
  for config, name in (
    (_config(0, 'a2c'), 'a2c'),
    (_config(0, 'vtrace', 'learning.max_policy_lag=2'), 'max_policy_lag=2'),
  ):
    with pytest.raises(RuntimeError, match=f'0 restarts.*{name} needs every a'):
      actor_supervisor.keep_alive(run_actor, 'actor-3', config, file, _Stop())


@pytest.mark.parametrize(
  ('ran', 'counts'), [(1000.0, False), (600.1, False), (600.0, True)]
)
def test_a_restart_after_a_long_time_does_not_count(
  tmp_path, monkeypatch, ran, counts
):
  file, _ = _status(tmp_path)
  clock = (i * ran for i in range(1000))
  monkeypatch.setattr(actor_supervisor.time, 'monotonic', lambda: next(clock))
  starts = []

  def run_actor(restart):
    starts.append(restart)
    return 'broke' if restart < 5 else None

  assert counts != actor_supervisor.keep_alive(
    run_actor, 'actor-3', _config(1), file, _Stop()
  )
  assert starts == ([0, 1] if counts else [0, 1, 2, 3, 4, 5])


def test_what_is_said_between_two_starts():
  said = []
  status = types.SimpleNamespace(
    set=lambda *args, **extra: said.append((*args, extra))
  )
  run_actor = lambda n: 'broke' if n < 1 else None  # noqa: E731
  assert actor_supervisor.keep_alive(
    run_actor, 'actor-3', _config(1), status, _Stop()
  )
  assert said == [
    ('running', {'restarts': 0}),
    ('running', 'actor broke; starting it again', {'restarts': 1}),
    ('running', {'restarts': 1}),
    ('stopped', {}),
  ]


class _Child:
  """Ends with -9 at the `ends`-th look."""

  def __init__(self, ends):
    self.done, self._ends = [], ends

  def wait(self, timeout=None):
    self.done.append(timeout)
    if timeout is not None and len(self.done) < self._ends:
      raise subprocess.TimeoutExpired('actor', timeout)
    return -9

  def kill(self):
    self.done.append('killed')


@pytest.mark.parametrize(
  ('stops', 'why', 'done'),
  [
    (False, 'was killed by signal 9', [0.2, 0.2, 0.2]),
    (True, None, [0.2, 0.2, 'killed', None]),
  ],
)
def test_an_actors_process_is_watched_until_it_or_the_run_ends(
  tmp_path, monkeypatch, stops, why, done
):
  child, started, ended = _Child(5 if stops else 3), [], []
  run = types.SimpleNamespace(config=lambda: 'config')
  place = topology.Topology(str(tmp_path), '', '', (2,), 1)

  def keep_alive(run_actor, *given):
    ended.append(run_actor(4))
    assert given == ('actor-2', 'config', 'status', stop)
    return stops

  class Stop(_Stop):
    def __call__(self):
      return stops and len(child.done) == 2

  monkeypatch.setattr(run_directory, 'RunDirectory', lambda logdir: run)
  monkeypatch.setattr(actor_supervisor, 'keep_alive', keep_alive)
  monkeypatch.setattr(
    actor_supervisor.subprocess, 'Popen',
    lambda *given, **options: started.append((*given, options)) or child,
  )  # fmt: skip
  stop = Stop()
  actor_supervisor.ActorSupervisor(place, 2).work('status', stop)
  assert (ended, child.done) == ([why], done)
  # Without its actor it waits for the end of the run.
  assert stop.waits == ([] if stops else [None])
  ((command, options),) = started
  assert command == [
    sys.executable, '-m', 'attn_agents.distributed.roles.actor',
    f'--topology={topology.to_json(place)}', '--actor=2', '--restart=4',
  ]  # fmt: skip
  assert options.pop('env').items() >= lifecycle.known_parent().items()
  assert options == {
    'stdin': subprocess.DEVNULL, 'cwd': pathlib.Path(__file__).parents[3],
  }  # fmt: skip
