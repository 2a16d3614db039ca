"""What the relay carries arrives whole, in order, and as fast as it is read."""

import hashlib
import pathlib
import random
import select
import socket
import threading

import pytest

from attn_agents.distributed.relay import ends, tls
from tests.distributed.relay import both_ends

# More than all buffers on the way hold.
_MANY_BYTES = 24_000_000
_RECORD_BYTES = 16_384


@pytest.fixture(scope='module')
def hosts(tmp_path_factory):
  with both_ends.running(tmp_path_factory.mktemp('run')) as running:
    yield running


def _random_bytes(size: int, seed: int) -> bytes:
  return random.Random(seed).randbytes(size)


def _in_pieces(connection: socket.socket, data: bytes, seed: int) -> None:
  """Sends all in pieces of odd sizes, and ends the stream."""
  sizes, view = random.Random(seed), memoryview(data)
  while view:
    size = sizes.choice((1, 7, 1000, 16_384, 16_385, 300_000))
    connection.sendall(view[:size])
    view = view[size:]
  connection.shutdown(socket.SHUT_WR)


def test_both_directions_arrive_whole_at_the_same_time(hosts):
  forth, back = _random_bytes(3_000_001, 1), _random_bytes(2_000_003, 2)
  with hosts.connect() as client, hosts.accept() as service:
    senders = [
      threading.Thread(target=_in_pieces, args=args)
      for args in ((client, forth, 3), (service, back, 4))
    ]
    got = {}
    readers = [
      threading.Thread(
        target=lambda n, x: got.update({n: both_ends.read_all(x)}), args=args
      )
      for args in (('back', client), ('forth', service))
    ]
    for thread in senders + readers:
      thread.start()
    for thread in senders + readers:
      thread.join()
  assert got['forth'] == forth
  assert got['back'] == back


def test_a_stream_that_ends_loses_nothing_of_what_is_not_read_yet(tmp_path):
  with both_ends.two_encrypted(tmp_path) as (sender, receiver):
    data = _random_bytes(20 * _RECORD_BYTES, 6)
    sender.send(memoryview(data))
    # One record is read, and all others have arrived.
    got = bytearray(_RECORD_BYTES)
    poll = select.poll()
    poll.register(receiver.socket, select.POLLIN)
    poll.poll(1000 * both_ends.SECONDS)
    assert receiver.receive(memoryview(got)) == _RECORD_BYTES
    receiver.finish()
    piece = bytearray(ends.PIECE_BYTES)
    while len(got) < len(data):
      sender.flush()
      size = receiver.receive(memoryview(piece))
      if size is None:
        assert poll.poll(1000 * both_ends.SECONDS), 'nothing more came'
        continue
      got += piece[:size]
    assert got == data
    assert sender.receive(memoryview(piece)) == 0


def test_one_byte_goes_at_once_both_ways(hosts):
  with hosts.connect() as client, hosts.accept() as service:
    for _ in range(50):
      client.sendall(b'?')
      assert service.recv(1) == b'?'
      service.sendall(b'!')
      assert client.recv(1) == b'!'


@pytest.mark.parametrize('closes_first', ['client', 'service'])
def test_a_side_that_has_said_all_still_hears(hosts, closes_first):
  answer = _random_bytes(1_000_000, 5)
  with hosts.connect() as client, hosts.accept() as service:
    first, second = (
      (client, service) if closes_first == 'client' else (service, client)
    )
    first.sendall(b'the last word')
    first.shutdown(socket.SHUT_WR)
    assert both_ends.read_all(second) == b'the last word'
    second.sendall(answer)
    second.close()
    assert both_ends.read_all(first) == answer


def test_a_side_ends_while_the_other_is_in_the_middle(hosts):
  answer = _random_bytes(5_000_000, 6)
  with hosts.connect() as client, hosts.accept() as service:
    sender = threading.Thread(target=_in_pieces, args=(service, answer, 7))
    sender.start()
    start = client.recv(1000)
    # Encrypted bytes of the answer wait on the way when this end comes.
    client.shutdown(socket.SHUT_WR)
    assert start + both_ends.read_all(client) == answer
    assert both_ends.read_all(service) == b''
    sender.join()


def test_who_is_not_read_has_to_wait(hosts):
  data = _random_bytes(_MANY_BYTES, 8)
  with hosts.connect() as client, hosts.accept() as service:
    client.settimeout(1.0)
    sent = 0
    try:
      while sent < len(data):
        sent += client.send(data[sent : sent + 65_536])
    except TimeoutError:
      pass
    assert sent < len(data)
    client.settimeout(both_ends.SECONDS)
    rest = threading.Thread(target=_in_pieces, args=(client, data[sent:], 9))
    rest.start()
    got = both_ends.read_all(service)
    rest.join()
  assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def test_a_service_that_breaks_off_is_no_end_of_the_stream(hosts):
  with hosts.connect() as client:
    service = hosts.accept()
    service.sendall(b'half of')
    assert client.recv(100) == b'half of'
    ends.reset(service)
    with pytest.raises(ConnectionResetError):
      both_ends.read_all(client)


def test_a_client_that_breaks_off_is_no_end_of_the_stream(hosts):
  client = hosts.connect()
  with hosts.accept() as service:
    client.sendall(b'half of')
    assert service.recv(100) == b'half of'
    ends.reset(client)
    with pytest.raises(ConnectionResetError):
      both_ends.read_all(service)


def test_a_peer_that_is_cut_off_is_no_end_of_the_stream(hosts):
  """TCP ends in order, and TLS does not: somebody else may have ended it."""
  context = tls.context(hosts.key, [both_ends.SERVICE])
  with hosts.knock() as raw:
    encrypted = ends.Encrypted(raw, context)
    encrypted.handshake(both_ends.SECONDS)
    with hosts.accept() as service:
      encrypted.send(memoryview(b'half of'))
      assert service.recv(100) == b'half of'
      raw.shutdown(socket.SHUT_WR)
      with pytest.raises(ConnectionResetError):
        both_ends.read_all(service)


def test_no_service_ends_the_connection_at_once(tmp_path: pathlib.Path):
  with both_ends.running(tmp_path) as hosts:
    hosts.service.close()
    with pytest.raises(ConnectionResetError), hosts.connect() as client:
      both_ends.read_all(client)


def test_no_learner_host_ends_the_connection_at_once(tmp_path: pathlib.Path):
  with both_ends.running(tmp_path) as hosts:
    with socket.create_server(('127.0.0.1', 0)) as free:
      nobody = '{}:{}'.format(*free.getsockname())
    hosts.actor._address = nobody
    with pytest.raises(ConnectionResetError), hosts.connect() as client:
      both_ends.read_all(client)
