"""What is said of a visitor, and what becomes of one too many."""

import contextlib
import socket
import ssl

import pytest

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import addresses, ends, learner_end, serving


@pytest.fixture(name='key', scope='module')
def _key(tmp_path_factory):
  return run_key.make_or_load(tmp_path_factory.mktemp('run'))


def test_a_visitor_is_named_by_its_address_while_it_has_one():
  with socket.create_server(('127.0.0.1', 0)) as server:
    caller = socket.create_connection(server.getsockname(), 5)
    visitor, _ = server.accept()
    with caller, visitor:
      assert learner_end._host(visitor) == '127.0.0.1'
  assert learner_end._host(visitor) == 'a host that is gone'


def test_a_visitor_for_whom_there_is_no_room_sees_an_error(key, capfd):
  end = learner_end.LearnerEnd(key, {}, serving.Limits(connections=0))
  with (
    socket.create_server(('127.0.0.1', 0)) as server,
    socket.create_connection(server.getsockname(), 5) as caller,
  ):
    visitor, _ = server.accept()
    end.serve(visitor)
    # Not the end of a stream, which would be empty.
    with pytest.raises(ConnectionResetError):
      caller.recv(1)
  assert capfd.readouterr().out.endswith(' refused: 0 connections already\n')
  # Who is told so is not counted, either.
  assert end.visitors.hosts() == {}


@contextlib.contextmanager
def _visit():
  """A connection: the caller's end, and that of who is called."""
  with (
    socket.create_server(('127.0.0.1', 0)) as server,
    socket.create_connection(server.getsockname(), 5) as caller,
    server.accept()[0] as visitor,
  ):
    yield caller, visitor


@pytest.fixture(name='end')
def _end(key):
  limits = serving.Limits(1, 2, handshake_seconds=3.0, lost_seconds=80.0)
  return learner_end.LearnerEnd(key, {'queue': 'q:1'}, limits, 'facts')


@pytest.mark.parametrize(
  ('service', 'text'), [('check', b'facts'), ('no such', b''), ('', b'')]
)
def test_what_is_told_depends_on_what_is_asked(end, monkeypatch, service, text):
  said = []
  monkeypatch.setattr(ends.Encrypted, 'handshake', lambda self, s: service)
  monkeypatch.setattr(
    ends.Encrypted, 'say', lambda self, *given: said.append(given)
  )
  with _visit() as (_, visitor):
    end.serve(visitor)
  assert said == [(text, 3.0)]
  assert end.visitors.hosts() == {}


def test_a_connection_that_breaks_off_breaks_off_on_both_sides(
  end, monkeypatch, capsys
):
  with _visit() as (caller, visitor), _visit() as (inner, service):
    asked, connected = [], []

    def run(first, second, is_lost, look_seconds):
      assert (first.socket, second.socket) == (visitor, inner)
      assert (is_lost(), look_seconds) == (False, 10.0)
      assert visitor.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
      assert end.visitors.hosts() == {'127.0.0.1': 1}
      assert end.visitors.other_hosts() == {'127.0.0.1'}
      # It has the one connection that there may be.
      assert not end.visitors.arrives(object())
      raise ConnectionError(5, 'cut off')

    monkeypatch.setattr(ends.Encrypted, 'handshake', lambda self, s: 'queue')
    monkeypatch.setattr(
      ends.Encrypted, 'is_lost', lambda self, s: asked.append(s) is not None
    )
    monkeypatch.setattr(
      addresses, 'connect', lambda *given: connected.append(given) or inner
    )
    monkeypatch.setattr(learner_end.pump, 'run', run)
    end.serve(visitor)
    assert (asked, connected) == ([80.0], [('q:1', 3.0)])
    for other in (caller, service):
      with pytest.raises(ConnectionResetError):
        other.recv(1)
  assert end.visitors.hosts() == {}
  (line,) = capsys.readouterr().out.splitlines()
  assert line.endswith(' refused: 1 connections already')


def test_one_that_is_let_in_too_late_sees_an_error(end, monkeypatch):
  monkeypatch.setattr(ends.Encrypted, 'handshake', lambda self, s: 'queue')
  with _visit() as (_, other):
    assert end.visitors.is_known(other, 'another')
  with _visit() as (caller, visitor):
    monkeypatch.setattr(end.visitors, 'arrives', lambda visitor: True)
    end.serve(visitor)
    with pytest.raises(ConnectionResetError):
      caller.recv(1)
  assert end.visitors.hosts() == {'another': 1}


def test_a_service_that_is_not_there_is_named(end, monkeypatch, capsys):
  def refuse(address, seconds):
    raise ConnectionRefusedError(111, 'Connection refused')

  monkeypatch.setattr(addresses, 'connect', refuse)
  with _visit() as (caller, visitor):
    end.serve_here('queue')(visitor)
    with pytest.raises(ConnectionResetError):
      caller.recv(1)
  assert capsys.readouterr().out.endswith(
    ' queue for this host ended: queue at q:1: Connection refused\n'
  )


@pytest.mark.parametrize(('known', 'what'), [(True, 'connection'),
                                             (False, 'handshake')])  # fmt: skip
def test_what_has_ended_is_told(end, monkeypatch, capsys, known, what):
  def handshake(self, seconds):
    assert seconds == 3.0
    if not known:
      raise ConnectionResetError(104, 'Connection reset by peer')
    return 'queue'

  def connect(address, seconds):
    raise ConnectionRefusedError(111, 'Connection refused')

  monkeypatch.setattr(ends.Encrypted, 'handshake', handshake)
  monkeypatch.setattr(addresses, 'connect', connect)
  with _visit() as (_, visitor):
    end.serve(visitor)
  why = 'queue at q:1: Connection refused' if known else 'Connection reset by '
  assert f' {what} of 127.0.0.1 ended: {why}' in capsys.readouterr().out
  assert end.visitors.hosts() == {}


def test_an_error_is_told_in_a_few_words():
  of_tls = ssl.SSLError(1, '[SSL: NO_PROTOCOL] no protocol (_ssl.c:1)')
  of_tls.reason = None
  assert learner_end.describe(of_tls).endswith('no protocol (_ssl.c:1)')
  of_tls.reason = 'NO_PROTOCOL'
  assert learner_end.describe(of_tls) == 'TLS: NO_PROTOCOL'
  assert learner_end.describe(OSError(2, 'No such file')) == 'No such file'
  assert learner_end.describe(OSError('odd')) == 'odd'
