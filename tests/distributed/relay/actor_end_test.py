"""What an actor host's end does with a connection that breaks off."""

import socket

import pytest

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import actor_end, addresses, ends, serving
from tests.distributed.relay import both_ends


@pytest.fixture(name='key', scope='module')
def _key(tmp_path_factory):
  logdir = tmp_path_factory.mktemp('run')
  run_key.make_or_load(logdir)
  return run_key.load(run_key.paths(logdir)['actor'], 'actor')


def _two() -> tuple[socket.socket, socket.socket]:
  """Both ends of a connection."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    one = socket.create_connection(server.getsockname(), both_ends.SECONDS)
    return one, server.accept()[0]


class _Encrypted:
  """In place of the connection to the learner host."""

  def __init__(self, raw):
    self.socket, self.asked = raw, []

  def is_lost(self, seconds):
    self.asked.append(seconds)
    return False


def test_both_sides_see_that_it_broke_off_and_nobody_is_counted(
  key, monkeypatch, capsys
):
  limits = serving.Limits(handshake_seconds=3.0, lost_seconds=80.0)
  end = actor_end.ActorEnd(key, 'h:7', ['queue', 'variables'], limits)
  (client, visitor), (outside, peer) = _two(), _two()
  encrypted, dialed, ran = _Encrypted(outside), [], []

  def run(first, second, is_lost, look_seconds):
    ran.append((first.socket, second, is_lost(), look_seconds))
    assert end.visitors.hosts() == {'queue': 1}
    # Clients of this host are no other hosts, which its status would name.
    assert end.visitors.other_hosts() == set()
    assert outside.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    raise ConnectionError(5, 'cut off')

  monkeypatch.setattr(
    actor_end, 'dial', lambda *given: dialed.append(given) or encrypted
  )
  monkeypatch.setattr(actor_end.pump, 'run', run)
  end.serve('queue')(visitor)
  ((address, _, seconds),) = dialed
  assert (address, seconds) == ('h:7', 3.0)
  # A lost host is noticed by two looks of eight.
  assert ran == [(visitor, encrypted, False, 10.0)]
  assert encrypted.asked == [80.0]
  for other in (client, peer):
    with other, pytest.raises(ConnectionResetError):
      other.recv(1)
  assert end.visitors.hosts() == {}
  assert capsys.readouterr().out.endswith(' queue at h:7 ended: cut off\n')


def test_one_too_many_of_this_host_sees_an_error(key):
  end = actor_end.ActorEnd(key, 'h:7', ['queue'], serving.Limits(connections=0))
  client, visitor = _two()
  end.serve('queue')(visitor)
  with client, pytest.raises(ConnectionResetError):
    client.recv(1)
  assert end.visitors.hosts() == {}


def test_what_is_no_learner_host_is_not_kept_open(key, monkeypatch):
  one, other = _two()

  def refuse(self, seconds):
    assert seconds == 3.0
    raise OSError('nobody of this run')

  monkeypatch.setattr(addresses, 'connect', lambda address, seconds: one)
  monkeypatch.setattr(ends.Encrypted, 'handshake', refuse)
  context = actor_end.tls.context(key, ['queue'])
  with other, pytest.raises(OSError, match='nobody of this run'):
    actor_end.dial('h:7', context, 3.0)
  assert one.fileno() == -1
