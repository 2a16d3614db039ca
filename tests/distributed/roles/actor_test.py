"""What an actor does around its games, without playing any."""

import errno
import types

import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import actor
from attn_agents.environments import seeding
from attn_agents.runs import run_directory
from attn_agents.utils import disk
from tests.distributed import flushed

_SEEDS = seeding.ActorSeeds(policy=5, environment=6, num_envs=7)


class _Player:
  """Remembers what was asked of it."""

  def __init__(self):
    self.ran, self.closed = [], 0

  def run(self, should_stop):
    self.ran.append(should_stop)

  def close(self):
    self.closed += 1


class _Parts:
  def __init__(self):
    self.player, self.asked = _Player(), []

  def seeds(self, index, incarnation, host):
    self.asked.append((index, incarnation, host))
    return _SEEDS

  def make_actor(self, variables, sink, seeds, actor_id, keep_on_device):
    self.asked.append((sink, seeds, actor_id, keep_on_device))
    return self.player


class _Variables:
  """Has parameters at the `late`-th time that it is asked for them."""

  def __init__(self, late):
    self._late = late

  def wait(self, seconds):
    # A stop is answered within a second.
    assert 0 < seconds <= 0.5
    self._late -= 1
    return self._late < 0


def _play(tmp_path, late, stop, restart=0):
  run = run_directory.RunDirectory(tmp_path)
  names = {'agent': 's3ta', 'preset': 'small', 'algorithm': 'appo'}
  run.write({'config': names, 'started': [{}, {}, {}]})
  parts = _Parts()
  place = topology.Topology(str(tmp_path), '', '', (1,), 1, host_index=2)
  status = lifecycle.StatusFile(tmp_path, 'actor', 1)
  status.set('starting')
  actor.play(
    place, parts, 1, restart, status, _Variables(late), 'sink',
    should_stop=stop, keep_on_device=True,
  )  # fmt: skip
  return parts, next(lifecycle.read_statuses(tmp_path)), run


def test_it_plays_once_it_has_parameters_and_says_with_which_seeds(
  tmp_path, monkeypatch
):
  said = flushed.Flushed()
  monkeypatch.setattr(actor.sys, 'stdout', said)
  stop = lambda: False  # noqa: E731 - it is the same that is handed on
  parts, status, run = _play(tmp_path, 2, stop, restart=4)
  per_start = seeding.INCARNATIONS_PER_ERA
  # Of the third start; actors of the third host begin at twice the most.
  assert parts.asked == [
    (1, 3 * per_start + 4, 2),
    ('sink', _SEEDS, 2 * seeding.MAX_ACTORS_PER_HOST + 1, True),
  ]
  assert parts.player.ran == [stop]
  assert parts.player.closed == 1
  assert (status.state, status.extra) == (
    'running', {'seeds': _SEEDS._asdict(), 'restarts': 4},
  )  # fmt: skip
  # A process that is killed has said it.
  assert said.lines == [f'actor 1 plays with {_SEEDS}']
  header, row = run.path.joinpath('seeds.csv').read_text().splitlines()
  written = dict(zip(header.split(','), row.split(','), strict=True))
  assert (written['start'], written['host']) == ('3', '2')
  assert (written['actor'], written['restart']) == ('1', '4')
  assert (written['policy'], written['environment']) == ('5', '6')


def test_it_stops_before_there_are_parameters(tmp_path):
  parts, status, _ = _play(tmp_path, 9, lambda: True)
  assert (parts.player.ran, parts.player.closed) == ([], 1)
  assert status.state == 'starting'


def test_seeds_that_find_no_room_end_no_actor(tmp_path, monkeypatch):
  said = flushed.Flushed()
  monkeypatch.setattr(actor.sys, 'stdout', said)

  def full(self, **seeds):
    raise disk.StorageError(errno.ENOSPC, 'no room')

  monkeypatch.setattr(run_directory.RunDirectory, 'record_seeds', full)
  # Parameters never come, so that nothing else is said.
  _play(tmp_path, 9, lambda: True)
  (line,) = said.lines
  assert line.startswith('seeds.csv lacks this start: ')
  parts, _, _ = _play(tmp_path, 0, lambda: False)
  assert len(parts.player.ran) == 1


@pytest.mark.parametrize('fails', [False, True])
def test_the_process_ends_with_a_status_that_says_why(
  tmp_path, monkeypatch, capsys, fails
):
  place = topology.Topology(str(tmp_path), '', '', (1,), 1)
  arguments = [
    'actor', f'--topology={topology.to_json(place)}', '--actor=1', '--restart=3'
  ]  # fmt: skip
  signals, played = [], []

  def play(*given):
    played.append(given[:3])
    if fails:
      raise OSError('gone')

  monkeypatch.setattr(actor.sys, 'argv', arguments)
  monkeypatch.setattr(actor.lifecycle, 'die_with_parent', signals.append)
  monkeypatch.setattr(actor, '_play_through_reverb', play)
  assert actor.main() == (1 if fails else 0)
  assert ('Traceback' in capsys.readouterr().err) == fails
  status = next(lifecycle.read_statuses(tmp_path))
  # An actor has nothing to save.
  assert signals == [actor.signal.SIGKILL]
  assert played == [(place, 1, 3)]
  assert (status.state, status.detail, status.extra) == (
    ('failed', 'OSError: gone', {'restarts': 3})
    if fails
    else ('starting', '', {'restarts': 3})
  )


def test_a_process_plays_through_reverb_until_it_is_killed(
  tmp_path, monkeypatch
):
  from attn_agents import experiment

  place = topology.Topology(
    str(tmp_path), 'q:1', 'v:2', (1,), 1, num_hosts=3, host_index=2
  )
  run = types.SimpleNamespace(config=lambda: 'written', replay='replay')
  connection = types.SimpleNamespace(
    make_variable_source=lambda: 'variables', make_sink=lambda: 'sink'
  )
  made, played = [], []
  monkeypatch.setattr(run_directory, 'RunDirectory', lambda logdir: run)
  monkeypatch.setattr(topology, 'apply', lambda *given: given)
  monkeypatch.setattr(
    experiment, 'Experiment', lambda *given: made.append(given) or 'parts'
  )
  transport = types.SimpleNamespace(
    ReverbTransport=lambda *given: made.append(given) or connection
  )
  monkeypatch.setitem(
    actor.sys.modules, 'attn_agents.transport.reverb',
    types.SimpleNamespace(transport=transport),
  )  # fmt: skip
  monkeypatch.setattr(
    actor, 'play', lambda *given, **named: played.append((given, named))
  )
  actor._play_through_reverb(place, 1, 4, 'status')
  assert made == [
    ((place, 'written'), 3), ('parts', 'q:1', 'v:2', 'replay'),
  ]  # fmt: skip
  ((given, named),) = played
  assert given == (place, 'parts', 1, 4, 'status', 'variables', 'sink')
  assert named.pop('should_stop')() is False
  # What it plays leaves this process, which has no accelerator.
  assert named == {'keep_on_device': False}
