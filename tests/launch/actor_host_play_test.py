"""What an actor host starts, with every process a stand-in."""

import json
import subprocess
import sys

import pytest

from tests.launch import commands

# In a process of its own, which has the flags of a run.
_PLAY = """
import dataclasses, json, sys, types
from absl import flags
from launch import actor_host, run_local
from attn_agents.distributed import console, supervisor
directory, key, signalled = sys.argv[1], sys.argv[2], sys.argv[3] == 'stop'
flags.FLAGS(['x', '--game=catch', '--preset=small', '--runtime=launchpad',
             '--algorithm=vtrace', '--set=learning.max_policy_lag=none',
             '--num_actors=2', '--envs_per_actor=8', f'--logdir={directory}',
             '--evaluate_every=4000'])
seen = {'closed': 0, 'listened': 0}

class Relay:
  pid = 77
  def close(self):
    seen['closed'] += 1

class Supervisor:
  def __init__(self, place, shown, requests, spared):
    seen.update(place=dataclasses.asdict(place), shown=shown, spared=spared)
  def run(self):
    return types.SimpleNamespace(code=75, cause='stopped; all is saved')

def through_relay(place, address, key):
  seen['relay'] = [address, key.run]
  return dataclasses.replace(place, queue_address='unix:/q'), Relay()

def directly(place, address, seconds):
  seen['directly'] = [address, seconds]
  return place

def of_play(address, key, seconds, own):
  seen['asked'] = [address, seconds, own['environment.game']]

def former(run, requests):
  if signalled:
    requests.first = 15
  return not signalled

def make(*given):
  return list(map(str, given))

def listen():
  seen['listened'] += 1

stand_in = types.SimpleNamespace(first=0, listen=listen)
a = actor_host
a.run_key.load = lambda path, role: types.SimpleNamespace(run=f'{path} {role}')
a.serving.start_at_actors = through_relay
a.serving.require_same_play = of_play
a.opening.reach_directly = directly
a.stopping.Requests = lambda: stand_in
a.run_local.wait_for_former_run = former
a.isolation.confine_to_loopback = lambda: types.SimpleNamespace(detail='alone')
supervisor.Supervisor, console.make = Supervisor, make
host = a.Host(3, 1, 'h:7', key, (1,), 9.0)
for _ in range(1 + signalled):
  seen['code'] = a.play(host)
print(json.dumps(seen))
"""


def _play(tmp_path, key, stop=''):
  done = subprocess.run(
    [sys.executable, '-c', _PLAY, str(tmp_path), key, stop],
    cwd=commands.LAUNCH.parent, capture_output=True, text=True, timeout=120,
    check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  *said, seen = done.stdout.splitlines()
  return said, json.loads(seen)


@pytest.mark.parametrize('key', ['k.pem', ''])
def test_an_actor_host_plays_its_actors_until_it_is_stopped(tmp_path, key):
  said, seen = _play(tmp_path, key)
  directory = tmp_path / 'hosts' / 'actors3'
  place = seen['place']
  assert (place['logdir'], place['actors']) == (str(directory), [1])
  # Learners have the indices up to 16.
  assert (place['host_index'], place['serve']) == (19, False)
  assert (place['evaluate'], place['envs_per_actor']) == (False, 8)
  title = 'actors for h:7'
  assert seen['shown'] == [str(directory), title, '0', '0.0']
  assert seen['code'] == 75
  config = json.loads((directory / 'config.json').read_text())['config']
  assert config['runtime']['max_actor_restarts'] == 1000
  # That is the learner host's.
  assert config['runtime']['evaluate_every_frames'] == 0
  assert seen['listened'] == 1
  if key:
    assert seen['asked'] == ['h:7', 9.0, 'catch']
    assert seen['relay'] == ['h:7', 'k.pem actor']
    # It is ended by its owner, and not with the run's processes.
    assert (seen['spared'], seen['closed']) == ([77], 1)
    assert place['queue_address'] == 'unix:/q'
    run, network = ', run k.pem actor', 'actors: alone; relay: TLS 1.3'
  else:
    assert seen['directly'] == ['h:7', 9.0]
    assert (seen['spared'], seen['closed']) == ([], 0)
    run, network = '', 'NOT confined: without relay, TLS and key'
  assert said == [
    f'plays     s3ta on catch for h:7{run}',
    'actors    1 processes x 8 environments',
    f'logdir    {directory}',
    f'network   {network}',
    'stopped; all is saved',
  ]


def test_one_that_is_stopped_before_a_former_has_ended_starts_nothing(
  tmp_path,
):
  said, seen = _play(tmp_path, '', 'stop')
  # The first start is no continued one.
  assert said[-2:] == [
    'stopped; all is saved', 'stopped; the last checkpoint stands'
  ]  # fmt: skip
  assert seen['code'] == 75
