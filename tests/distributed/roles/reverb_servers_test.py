"""The servers' own part in a run."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import threading
import types

import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import base, reverb_servers
from attn_agents.runs import run_directory
from attn_agents.transport.reverb import servers
from attn_agents.utils import machine, patience
from configs import overrides, resolution

# isort: split
# After ours, which loads of TensorFlow what Reverb uses.
import reverb

from tests.distributed import flushed, stopping


@pytest.mark.parametrize('has_actor_hosts', [True, False])
def test_frames_of_84x84_are_packed_where_they_cross_hosts(
  tmp_path, monkeypatch, has_actor_hosts
):
  request = resolution.Request(agent='s3ta', preset='small', game='catch')
  config = resolution.resolve(request, 'cpu', 1, 2)
  run_directory.RunDirectory(tmp_path).write(
    {'config': overrides.to_dict(config)}
  )
  queue, variables = (f'127.0.0.1:{x}' for x in machine.free_ports(2))
  place = topology.Topology(
    str(tmp_path), queue, variables, (0,), config.runtime.envs_per_actor,
    has_actor_hosts=has_actor_hosts,
  )  # fmt: skip
  # As its process has it.
  place = topology.from_json(topology.to_json(place))
  stop, outlasted = stopping.Stop(), []
  monkeypatch.setattr(
    reverb_servers.ReverbServers, '_outlast_learner',
    lambda self: outlasted.append('learner'),
  )  # fmt: skip
  thread = threading.Thread(
    target=reverb_servers.ReverbServers(
      topology.from_json(topology.to_json(place))
    ).serve,
    args=(lifecycle.StatusFile(tmp_path, 'reverb'), stop),
  )
  thread.start()
  try:
    tables = reverb.Client(queue).server_info(timeout=60)
  finally:
    stop.event.set()
    thread.join()
  assert (servers.UNPACKED_TABLE in tables) == has_actor_hosts
  (told,) = lifecycle.read_statuses(tmp_path)
  ports = [topology.port_of(address) for address in (queue, variables)]
  assert (told.state, told.detail) == (
    'running', 'queue {}, variables {}'.format(*ports),
  )  # fmt: skip
  assert outlasted == ['learner']


@pytest.mark.parametrize(
  ('state', 'is_alive', 'looks'),
  [
    # It goes on serving until a live learner says that it has ended.
    ('running', True, 3),
    ('starting', True, 3),
    ('done', True, 0),
    ('stopped', True, 0),
    ('failed', True, 0),
    # Or until it is dead.
    ('running', False, 0),
    # Nobody has been seen who needs it.
    (None, False, 0),
  ],
)
def test_servers_end_after_the_learner(
  tmp_path, monkeypatch, state, is_alive, looks
):
  # No process has a number above the second.
  pid = os.getpid() if is_alive else 2**22 + 1
  status = lifecycle.Status('learner', 0, pid, state)
  slept = []

  def sleep(seconds):
    slept.append(seconds)
    if len(slept) == looks:
      statuses[:] = [dataclasses.replace(status, state='done')]

  other = lifecycle.Status('actor', 0, os.getpid(), 'running')
  statuses = [other, *([status] if state else [])]
  monkeypatch.setattr(
    reverb_servers.lifecycle, 'read_statuses', lambda logdir: iter(statuses)
  )
  monkeypatch.setattr(reverb_servers.time, 'sleep', sleep)
  place = topology.Topology(str(tmp_path), '', '', (0,), 1)
  reverb_servers.ReverbServers(place)._outlast_learner()
  assert len(slept) == looks


def test_servers_do_not_wait_for_ever(tmp_path, monkeypatch):
  status = lifecycle.Status('learner', 0, os.getpid(), 'running')
  now = [0.0]
  slept = []

  def sleep(seconds):
    slept.append(seconds)
    now[0] += 1.0

  monkeypatch.setattr(patience, '_now', lambda: now[0])
  monkeypatch.setattr(
    reverb_servers.lifecycle, 'read_statuses', lambda logdir: iter([status])
  )
  monkeypatch.setattr(reverb_servers.time, 'sleep', sleep)
  place = topology.Topology(str(tmp_path), '', '', (0,), 1)
  reverb_servers.ReverbServers(place)._outlast_learner()
  # Launchpad kills it after ten seconds.
  assert base.GRACE_SECONDS <= len(slept) <= 9
  # And it ends soon after the learner.
  assert set(slept) == {0.1}


def test_servers_that_die_in_their_network_are_named(tmp_path, monkeypatch):
  """What serves elsewhere is a child, which is started and seen to end."""
  started = []

  class Child:
    returncode = -9

    def __init__(self, command, **options):
      started.append((command, options['env']))

    def poll(self):
      return self.returncode

  monkeypatch.setattr(reverb_servers.subprocess, 'Popen', Child)
  place = topology.Topology(
    str(tmp_path), '10.0.0.1:11', '10.0.0.1:12', (0,), 1, network=7
  )
  status = lifecycle.StatusFile(tmp_path, 'reverb')
  with pytest.raises(RuntimeError, match='the servers was killed by signal 9'):
    reverb_servers.ReverbServers(place).work(status, stopping.Stop())
  ((command, environment),) = started
  assert topology.from_json(command[-1].split('=', 1)[1]) == place
  assert environment.items() >= lifecycle.known_parent().items()
  (told,) = lifecycle.read_statuses(tmp_path)
  assert (told.state, told.role) == ('running', 'reverb')
  assert told.detail.endswith('ports 11, 12')


def test_servers_in_another_network_are_killed_after_the_learner(
  tmp_path, monkeypatch
):
  done, waits = [], []

  class Child:
    def __init__(self, command, **options):
      assert command[:3] == [
        sys.executable, '-m', 'attn_agents.distributed.roles.reverb_servers',
      ]  # fmt: skip
      assert options.pop('env').items() >= lifecycle.known_parent().items()
      assert options == {
        'stdin': subprocess.DEVNULL, 'cwd': pathlib.Path(__file__).parents[3],
      }  # fmt: skip

    def poll(self):
      return None

    def kill(self):
      done.append('killed')

    def wait(self):
      done.append('waited for')

  def wait(seconds):
    waits.append(seconds)
    return len(waits) == 3

  monkeypatch.setattr(reverb_servers.subprocess, 'Popen', Child)
  monkeypatch.setattr(
    reverb_servers.ReverbServers, '_outlast_learner',
    lambda self: done.append('learner'),
  )  # fmt: skip
  place = topology.Topology(
    str(tmp_path), '10.0.0.1:11', '10.0.0.1:12', (0,), 1, network=7
  )
  stop = types.SimpleNamespace(event=types.SimpleNamespace(wait=wait))
  status = lifecycle.StatusFile(tmp_path, 'reverb')
  reverb_servers.ReverbServers(place).work(status, stop)
  assert done == ['learner', 'killed', 'waited for']
  # A dead child is noticed soon.
  assert waits == [0.2] * 3
  (told,) = lifecycle.read_statuses(tmp_path)
  assert told.state == 'stopped'


def test_the_child_serves_in_the_network_that_it_joins(tmp_path, monkeypatch):
  done, said = [], flushed.Flushed()

  def serve(self, status, stop):
    status.set('running', 'queue 11')
    done.append((self.place, self.index, stop))

  place = topology.Topology(str(tmp_path), '', '', (0,), 1, network=7)
  monkeypatch.setattr(
    sys, 'argv', ['servers', f'--topology={topology.to_json(place)}']
  )
  monkeypatch.setattr(sys, 'stdout', said)
  monkeypatch.setattr(reverb_servers.isolation, 'join', done.append)
  monkeypatch.setattr(lifecycle, 'die_with_parent', lambda: done.append('tied'))
  monkeypatch.setattr(lifecycle, 'StopSignal', lambda: 'stop')
  monkeypatch.setattr(reverb_servers.ReverbServers, 'serve', serve)
  assert reverb_servers.main() == 0
  # New capabilities would untie it.
  assert done == [7, 'tied', (place, 0, 'stop')]
  # It is killed in the end. Its status is its parent's.
  assert said.lines == ['servers: running queue 11']
  assert list(lifecycle.read_statuses(tmp_path)) == []
