"""The relay between two hosts, network namespaces with real addresses."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import pytest

from attn_agents.distributed import lifecycle
from benchmarks import cable
from tests.distributed.relay import played_hosts

_ROOT = pathlib.Path(__file__).parents[3]
_PORT = 7000
# As /proc/net/tcp has it: 198.51.100.1, in the byte order of the machine.
_OPEN = f'016433C6:{_PORT:04X}'


class _Played:
  """One host's process."""

  def __init__(self, host: cable.Host, *args: str):
    self.process = subprocess.Popen(
      [*host.prefix(), sys.executable, '-m', played_hosts.__name__, *args],
      cwd=_ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )

  def hear(self) -> Any:
    """What it says next."""
    assert self.process.stdout is not None
    line = self.process.stdout.readline()
    assert line, f'it ended with {self.process.wait()}'
    return json.loads(line)

  def ask(self, command: str) -> Any:
    """What it answers."""
    assert self.process.stdin is not None
    self.process.stdin.write(f'{command}\n')
    self.process.stdin.flush()
    return self.hear()

  def end(self) -> Any:
    """The last it says."""
    assert self.process.stdin is not None
    self.process.stdin.close()
    return self.hear()


@pytest.fixture(name='cabled', scope='module')
def _cabled():
  try:
    with cable.two_hosts() as hosts:
      yield hosts
  except cable.UnavailableError as error:
    pytest.skip(str(error))


@contextlib.contextmanager
def _both(cabled, logdir, makes_network='service'):
  """The two hosts' processes, killed if they do not end by themselves."""
  first, second = cabled
  address = f'{first.address}:{_PORT}'
  learner = _Played(first, 'learner', str(logdir), address, makes_network)
  played = [learner]
  try:
    facts = learner.hear()
    actor = _Played(second, 'actor', str(logdir), address)
    played.append(actor)
    yield learner, actor, facts
  finally:
    for one in played:
      one.process.kill()
      one.process.wait()


def _reaches(host: cable.Host, address: str, port: int) -> bool:
  knock = f'import socket; socket.create_connection(({address!r}, {port}), 3)'
  command = [*host.prefix(), sys.executable, '-c', knock]
  return not subprocess.run(
    command, capture_output=True, check=False
  ).returncode


def _hosts_there(logdir: pathlib.Path) -> dict[str, int]:
  (status,) = lifecycle.read_statuses(logdir)
  return status.extra.get('hosts', {})


@pytest.mark.parametrize('makes_network', ['service', 'relay'])
def test_only_the_port_with_the_key_is_open(cabled, tmp_path, makes_network):
  first, second = cabled
  with _both(cabled, tmp_path, makes_network) as (learner, actor, _):
    there = actor.hear()
    assert (there['confined'], there['listening']) == (True, [])
    assert actor.ask('through') == 'through'
    assert learner.ask('facts') == {
      'listening': [_OPEN],
      'confined': True,
      'outside': True,
      'here': 'here',
    }
    assert _reaches(second, first.address, _PORT)
    # The service listens on every interface of its own network.
    assert not _reaches(second, first.address, played_hosts.PORT)
    end = time.monotonic() + 20
    while not _hosts_there(tmp_path) and time.monotonic() < end:
      time.sleep(0.1)
    assert _hosts_there(tmp_path) == {second.address: 1}
    (status,) = lifecycle.read_statuses(tmp_path)
    assert status.detail == (
      f'for actor hosts: {second.address} joined; 1 there'
    )
    assert actor.end() == 0
    ended = learner.end()
  assert ended['code'] == 0
  assert not pathlib.Path(ended['left']).exists()
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.role, status.state) == ('relay', 'stopped')


@pytest.mark.slow
def test_a_host_that_vanishes_is_given_up(cabled, tmp_path):
  """Its actor is idle on one connection, and read too slowly on the other."""
  _, second = cabled
  with _both(cabled, tmp_path) as (learner, actor, facts):
    there = [facts['directory'], actor.hear()['directory']]
    assert actor.ask('idle') == 'idle'
    assert actor.ask('flood') == 'flood'
    # This host is there. One that is not read is asked ever more rarely, so
    # that its last answer is soon older than a lost host's may be.
    time.sleep(3.5 * played_hosts.LIMITS.lost_seconds)
    assert learner.ask('ended') == []
    assert all(map(os.path.exists, there))
    second.set_cable('down')
    start = time.monotonic()
    try:
      while len(ended := learner.ask('ended')) < 2:
        assert time.monotonic() - start < 60
        time.sleep(0.1)
    finally:
      second.set_cable('up')
  # Neither is an end: the service must not take it for one.
  assert {line.partition(':')[0] for line in ended} == {'idle', 'flood'}
  assert all(line.endswith('Error') for line in ended)
  # Both were killed, and their ends of the relay took their sockets along.
  end = time.monotonic() + 20
  while any(map(os.path.exists, there)) and time.monotonic() < end:
    time.sleep(0.1)
  assert not any(map(os.path.exists, there))
