"""Who has no key of the run gets nothing, and cannot keep others out."""

import contextlib
import pathlib
import select
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import actor_end, check, serving, tls
from configs import errors
from tests.distributed.relay import both_ends

_QUICK = serving.Limits(handshakes=3, handshake_seconds=1.5, connections=4)


@pytest.fixture(scope='module')
def hosts(tmp_path_factory):
  with both_ends.running(tmp_path_factory.mktemp('run')) as running:
    yield running


def _stranger(hosts: both_ends.Hosts) -> ssl.SSLContext:
  """What a client without a certificate brings; it trusts the learner host."""
  made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
  made.check_hostname = False
  made.load_verify_locations(cadata=hosts.key.authority)
  made.set_alpn_protocols([both_ends.SERVICE])
  return made


def _answer(context: ssl.SSLContext, hosts: both_ends.Hosts) -> bytes:
  """What the learner host sends to a client that asks for the service.

  Raises:
    OSError: it breaks off; `ssl.SSLError` is one, too.
  """
  with context.wrap_socket(hosts.knock()) as client:
    client.sendall(b'give me something')
    return client.recv(1000)


@contextlib.contextmanager
def _untouched(hosts: both_ends.Hosts) -> Iterator[None]:
  """Within, nobody reaches the service."""
  yield
  hosts.service.settimeout(0.2)
  try:
    with pytest.raises(TimeoutError):
      hosts.accept()
  finally:
    hosts.service.settimeout(both_ends.SECONDS)


def _serves(hosts: both_ends.Hosts) -> bool:
  with hosts.connect() as client, hosts.accept() as service:
    service.sendall(b'here')
    return client.recv(4) == b'here'


def test_a_client_with_the_key_is_let_in(hosts):
  """The control: the same client as below, with a certificate."""
  context = _stranger(hosts)
  context.load_cert_chain(hosts.key.path)
  with context.wrap_socket(hosts.knock()) as client, hosts.accept() as service:
    assert client.version() == 'TLSv1.3'
    service.sendall(b'here')
    assert client.recv(4) == b'here'


def test_a_client_without_a_certificate_gets_nothing(hosts):
  with (
    _untouched(hosts),
    pytest.raises(ssl.SSLError, match='certificate required'),
  ):
    _answer(_stranger(hosts), hosts)


def test_a_certificate_of_another_run_gets_nothing(hosts, tmp_path):
  run_key.make_or_load(tmp_path)
  context = _stranger(hosts)
  context.load_cert_chain(run_key.paths(tmp_path)['actor'])
  with _untouched(hosts), pytest.raises(ssl.SSLError, match='unknown ca'):
    _answer(context, hosts)


def test_the_key_of_a_learner_host_is_none_of_an_actor_host(hosts):
  context = _stranger(hosts)
  context.load_cert_chain(run_key.paths(hosts.logdir)['learner'])
  with (
    _untouched(hosts),
    pytest.raises(ssl.SSLError, match='unsupported certificate'),
  ):
    _answer(context, hosts)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize('version', ['TLSv1', 'TLSv1_1', 'TLSv1_2'])
def test_older_tls_gets_nothing_even_with_the_key(hosts, version):
  context = _stranger(hosts)
  context.load_cert_chain(hosts.key.path)
  # These need less than what OpenSSL asks for by default.
  context.set_ciphers('ALL:@SECLEVEL=0')
  context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
  with _untouched(hosts), pytest.raises(ssl.SSLError, match='protocol version'):
    _answer(context, hosts)


@pytest.mark.parametrize(
  'first', [b'', b'GET / HTTP/1.1\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']
)
def test_a_client_without_tls_gets_no_more_than_an_alert(hosts, first):
  with _untouched(hosts), hosts.knock() as client:
    client.sendall(first)
    client.shutdown(socket.SHUT_WR)
    try:
      got = both_ends.read_all(client)
    except ConnectionResetError:
      got = b''
    # A record of type 21, if any.
    assert len(got) <= 7
    assert got[:1] in (b'', b'\x15')


def test_an_unknown_service_gets_an_end_and_no_byte(hosts):
  context = tls.context(hosts.key, ['no such service'])
  with _untouched(hosts):
    assert _answer(context, hosts) == b''


def test_the_host_of_another_run_is_not_trusted(hosts, tmp_path):
  run_key.make_or_load(tmp_path)
  foreign = run_key.load(run_key.paths(tmp_path)['actor'], 'actor')
  with _untouched(hosts), pytest.raises(ssl.SSLCertVerificationError):
    context = tls.context(foreign, [both_ends.SERVICE])
    actor_end.dial(hosts.address, context, both_ends.SECONDS)


def test_an_actor_host_cannot_pose_as_the_learner_host(hosts):
  """It has a certificate of the run, for asking only."""
  with socket.create_server(('127.0.0.1', 0)) as listener:
    posing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    posing.load_cert_chain(hosts.key.path)

    def pose() -> None:
      with contextlib.suppress(OSError):
        posing.wrap_socket(listener.accept()[0], server_side=True)

    thread = threading.Thread(target=pose)
    thread.start()
    address = '{}:{}'.format(*listener.getsockname())
    with pytest.raises(ssl.SSLCertVerificationError, match='purpose'):
      actor_end.dial(
        address, tls.context(hosts.key, [both_ends.SERVICE]), both_ends.SECONDS
      )
    thread.join()


def test_a_handshake_that_never_ends_is_ended(tmp_path: pathlib.Path):
  with both_ends.running(tmp_path, _QUICK) as hosts, hosts.knock() as client:
    start = time.monotonic()
    # Each byte by itself is in time.
    with pytest.raises(OSError):
      for byte in b'\x16\x03\x01\x02\x00' + bytes(500):
        client.sendall(bytes([byte]))
        time.sleep(0.1)
    assert 1.0 < time.monotonic() - start < 10.0


def test_strangers_who_wait_keep_nobody_out(tmp_path: pathlib.Path):
  limits = _QUICK._replace(handshake_seconds=60.0)
  with (
    both_ends.running(tmp_path, limits) as hosts,
    contextlib.ExitStack() as stack,
  ):
    waiting = [stack.enter_context(hosts.knock()) for _ in range(10)]
    # All have been accepted once all but three have been given up.
    end = time.monotonic() + both_ends.SECONDS
    while len(select.select(waiting, [], [], 0.05)[0]) < 7:
      assert time.monotonic() < end
    time.sleep(0.1)
    assert len(select.select(waiting, [], [], 0)[0]) == 7
    assert _serves(hosts)


def test_more_connections_than_allowed_are_refused(tmp_path: pathlib.Path):
  with (
    both_ends.running(tmp_path, _QUICK, serving.Limits()) as hosts,
    contextlib.ExitStack() as stack,
  ):
    for _ in range(_QUICK.connections):
      stack.enter_context(hosts.connect())
      stack.enter_context(hosts.accept())
    assert hosts.learner.visitors.hosts() == {'127.0.0.1': 4}
    with (
      _untouched(hosts),
      hosts.connect() as client,
      contextlib.suppress(ConnectionResetError),
    ):
      assert client.recv(1) == b''
    stack.close()
    end = time.monotonic() + both_ends.SECONDS
    while hosts.learner.visitors.hosts() and time.monotonic() < end:
      time.sleep(0.02)
    assert _serves(hosts)


def _refusal(hosts: both_ends.Hosts, key: run_key.RunKey, address: str) -> str:
  with _untouched(hosts), pytest.raises(errors.ConfigError) as caught:
    check.require_accepted(address, key, 0.5)
  line = str(caught.value)
  assert '\n' not in line
  return line


def test_a_host_of_the_run_is_accepted(hosts):
  with _untouched(hosts):
    check.require_accepted(hosts.address, hosts.key, 0.0)


def test_a_host_of_another_run_is_told_in_one_line(hosts, tmp_path):
  run_key.make_or_load(tmp_path)
  path = run_key.paths(tmp_path)['actor']
  key = run_key.load(path, 'actor')
  line = _refusal(hosts, key, hosts.address)
  assert f'{hosts.address} is a host of another run' in line
  assert str(path) in line


def test_a_key_that_is_refused_is_told_in_one_line(hosts, tmp_path):
  """It trusts the learner host, which does not trust it."""
  run_key.make_or_load(tmp_path / 'other')
  own = run_key.paths(tmp_path / 'other')['actor']
  key = hosts.key.__class__(
    str(own), 'actor', hosts.key.authority, hosts.key.run
  )
  assert f'refuses the key {own}' in _refusal(hosts, key, hosts.address)


def test_an_address_without_tls_is_told_in_one_line(hosts):
  with socket.create_server(('127.0.0.1', 0)) as listener:

    def answer() -> None:
      with listener.accept()[0] as client:
        client.recv(1000)
        client.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
        client.recv(1000)

    thread = threading.Thread(target=answer)
    thread.start()
    address = '{}:{}'.format(*listener.getsockname())
    line = _refusal(hosts, hosts.key, address)
    thread.join()
  assert 'not as a learner host does' in line


def test_nobody_at_the_address_is_told_after_waiting(hosts):
  with socket.create_server(('127.0.0.1', 0)) as free:
    address = '{}:{}'.format(*free.getsockname())
  start = time.monotonic()
  line = _refusal(hosts, hosts.key, address)
  assert 0.5 <= time.monotonic() - start < 5
  assert 'does not answer (Connection refused) for 0.5 seconds' in line


def test_a_learner_host_that_comes_later_is_waited_for(tmp_path):
  with both_ends.running(tmp_path) as hosts:
    shutil.rmtree(tmp_path / 'status', ignore_errors=True)
    key = hosts.key
    with socket.create_server(('127.0.0.1', 0)) as free:
      port = free.getsockname()[1]
    late = {}

    def come() -> None:
      time.sleep(0.3)
      late['socket'] = socket.create_server(('127.0.0.1', port))
      hosts.learner.serve(late['socket'].accept()[0])

    thread = threading.Thread(target=come)
    thread.start()
    check.require_accepted(f'127.0.0.1:{port}', key, both_ends.SECONDS)
    thread.join()
    late['socket'].close()
