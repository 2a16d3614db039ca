"""How a run's processes come to reach Reverb through the relay."""

import dataclasses
import json
import types as stdlib_types

import pytest

from attn_agents.distributed import run_key, serving, topology
from attn_agents.distributed.relay import start as relay_start
from attn_agents.runs import run_directory
from attn_agents.utils import machine
from configs import errors

_PLACE = topology.Topology('/run', '127.0.0.1:11', '127.0.0.1:12', (0, 1, 2), 4)


def test_a_host_plays_some_of_the_actors():
  assert serving.with_actors(_PLACE, None) == _PLACE
  assert serving.with_actors(_PLACE, [2, 0]).actors == (2, 0)
  assert serving.with_actors(_PLACE, []).actors == ()
  for wrong in ([3], [0, -1]):
    with pytest.raises(errors.ConfigError) as caught:
      serving.with_actors(_PLACE, wrong)
    assert str(caught.value) == (
      f'--actors: there is no actor {wrong[-1]}; expected 0 to 2, since '
      '--num_actors=3'
    )


def test_threads_have_no_servers_for_actor_hosts():
  place = dataclasses.replace(_PLACE, runtime='threads')
  assert serving.prepare(place, '') is None
  with pytest.raises(errors.ConfigError) as caught:
    serving.prepare(place, '10.0.0.1:7')
  assert str(caught.value) == (
    '--listen=10.0.0.1:7: --runtime=threads has no servers that actor hosts '
    'could reach; expected --runtime=launchpad'
  )


def test_what_start_would_refuse_is_refused_and_no_key_is_made(tmp_path):
  place = dataclasses.replace(_PLACE, logdir=str(tmp_path))
  assert serving.prepare(place, '') is None
  (port,) = machine.free_ports(1)
  with serving.prepare(place, f'127.0.0.1:{port}') as listening:
    assert listening.getsockname() == ('127.0.0.1', port)
  assert list(tmp_path.iterdir()) == []
  # One that is there must be whole.
  run_key.make_or_load(tmp_path)
  run_key.paths(tmp_path)[run_key.LEARNER].write_text('no key')
  with pytest.raises(errors.ConfigError):
    serving.prepare(place, '')


def test_an_actor_host_takes_the_half_that_is_its():
  run = run_directory.RunDirectory('/run')
  assert serving.key_path(run) == run_key.paths('/run')[run_key.ACTOR]


@pytest.mark.parametrize(
  ('said', 'wrong'),
  [
    ('{"game": "catch"}', ''),
    (
      '{"game": "pong"}',
      'game is pong on the learner host h:1 and catch on this actor host; '
      'expected what the learner host has',
    ),
    (
      '',
      'game is not set on the learner host h:1 and catch on this actor host; '
      'expected what the learner host has',
    ),
  ],
)
def test_hosts_that_would_not_play_the_same_are_refused(
  monkeypatch, said, wrong
):
  asked = []

  def accepted(*given):
    asked.append(given)
    return said

  monkeypatch.setattr(serving.check, 'require_accepted', accepted)
  try:
    serving.require_same_play('h:1', 'key', 9.0, {'game': 'catch'})
    found = ''
  except errors.ConfigError as error:
    found = str(error)
  assert found == wrong
  assert asked == [('h:1', 'key', 9.0)]


class _Relay:
  """Stands for a process that was started."""

  pid = 77

  def __init__(self):
    self.waited = 0

  def wait(self):
    self.waited += 1

  def local(self, name):
    return f'unix:/x/{name}'


@pytest.mark.parametrize('listening', [None, 'socket'])
def test_on_a_learner_host_reverb_moves_into_the_relays_network(
  tmp_path, monkeypatch, listening
):
  started = []

  def learner_end(*given, **options):
    started.append((given, options))
    return _Relay()

  monkeypatch.setattr(relay_start, 'learner_end', learner_end)
  place = dataclasses.replace(_PLACE, logdir=str(tmp_path))
  found, relay = serving.start(place, listening, {'game': 'catch'})
  ((given, options),) = started
  assert given[0] is listening
  assert given[1].run == run_key.make_or_load(tmp_path).run
  services = {'queue': '127.0.0.1:11', 'variables': '127.0.0.1:12'}
  assert given[2:] == (services, str(tmp_path))
  assert json.loads(options.pop('facts')) == {'game': 'catch'}
  assert options == {'local': ('queue', 'variables'), 'confine': True}
  assert relay.waited == 1
  assert found == dataclasses.replace(
    place, queue_address='unix:/x/queue', variables_address='unix:/x/variables',
    network=77, ports=(11, 12), has_actor_hosts=listening is not None,
  )  # fmt: skip


def test_on_an_actor_host_both_are_reached_through_it(monkeypatch):
  started = []

  def actor_end(*given):
    started.append(given)
    return _Relay()

  monkeypatch.setattr(relay_start, 'actor_end', actor_end)
  key = stdlib_types.SimpleNamespace(run='abc')
  found, relay = serving.start_at_actors(_PLACE, 'h:1', key)
  assert started == [('h:1', key, ('queue', 'variables'), '/run')]
  assert relay.waited == 1
  assert found == dataclasses.replace(
    _PLACE, queue_address='unix:/x/queue', variables_address='unix:/x/variables'
  )
