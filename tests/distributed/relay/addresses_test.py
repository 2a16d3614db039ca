"""Addresses that users give: what is listened on, and what is refused."""

import contextlib
import errno
import os
import socket
import stat
import types
import typing

import pytest

from attn_agents.distributed.relay import addresses
from configs import errors
from tests.distributed import open_files


def _refused(text: str) -> str:
  with pytest.raises(errors.ConfigError) as caught:
    addresses.listen(text).close()
  line = str(caught.value)
  assert '\n' not in line
  assert line.startswith(f'--listen={text}')
  return line


@pytest.fixture(name='free')
def _free() -> int:
  with socket.create_server(('127.0.0.1', 0)) as taken:
    return taken.getsockname()[1]


def test_only_the_address_given_is_listened_on(free):
  with addresses.listen(f'127.0.0.1:{free}') as listener:
    assert listener.getsockname() == ('127.0.0.1', free)
    socket.create_connection(('127.0.0.1', free), 5).close()
    # All of 127.0.0.0/8 is this host.
    with pytest.raises(ConnectionRefusedError):
      socket.create_connection(('127.0.0.2', free), 5)


def test_a_name_is_looked_up(free):
  with addresses.listen(f'localhost:{free}') as listener:
    assert listener.getsockname()[1] == free


@pytest.mark.skipif(not socket.has_ipv6, reason='no IPv6 here')
def test_ipv6_stands_in_brackets(free):
  try:
    listener = addresses.listen(f'[::1]:{free}')
  except errors.ConfigError:
    pytest.skip('loopback has no IPv6 address here')
  with listener:
    assert listener.getsockname()[:2] == ('::1', free)
  assert f'[::1]:{free}' in _refused(f'::1:{free}')


@pytest.mark.parametrize(
  ('text', 'expected'),
  [
    ('', 'expected address:port, for example 10.0.0.1:7000'),
    ('7000', ': expected address:port, for example 10.0.0.1:7000'),
    (':7000', ': expected address:port, for example 10.0.0.1:7000'),
    ('[::1:7000', 'expected an IPv6 address in brackets'),
    ('::1]:7000', 'expected an IPv6 address in brackets'),
    ('10.0.0.1', 'for example 10.0.0.1:7000'),
    ('10.0.0.1:', 'expected a port of 1 to 65535 after 10.0.0.1'),
    ('127.0.0.1:0', 'expected a port of 1 to 65535'),
    ('127.0.0.1:65536', 'expected a port of 1 to 65535'),
    ('127.0.0.1:-1', 'expected a port of 1 to 65535'),
    ('127.0.0.1:\u0667', 'expected a port of 1 to 65535'),
    ('127.0.0.1:http', 'expected a port of 1 to 65535'),
    ('no.such.host.invalid:7000', "'no.such.host.invalid' is no address"),
    (f'{"x" * 70}.invalid:7000', 'is no address and no name'),
  ],
)
def test_what_is_no_address_is_refused(text, expected):
  assert expected in _refused(text)


def test_an_address_of_another_host_names_ours(free):
  # TEST-NET-3 is for documentation: no host has it.
  line = _refused(f'203.0.113.7:{free}')
  assert 'is not an address of this host' in line
  assert addresses.own_addresses()[0] in line
  assert f':{free}?' in line


def test_a_port_in_use_names_a_free_one():
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    line = _refused(f'127.0.0.1:{port}')
  assert 'is in use; expected a free port' in line
  named = int(line.rpartition(' ')[2])
  addresses.listen(f'127.0.0.1:{named}').close()


def test_the_port_that_is_named_is_not_in_use_either():
  for port in range(20_000, 60_000, 50):
    with contextlib.ExitStack() as stack:
      try:
        for taken in (port, port + 1, port + 2):
          stack.enter_context(socket.create_server(('127.0.0.1', taken)))
        with socket.create_server(('127.0.0.1', port + 3)):
          pass
      except OSError:
        continue
      line = _refused(f'127.0.0.1:{port}')
      break
  assert line.endswith(f'for example {port + 3}')


@pytest.mark.parametrize('wildcard', ['0.0.0.0', '[::]'])
def test_every_address_at_once_needs_another_flag(free, wildcard):
  line = _refused(f'{wildcard}:{free}')
  assert 'every network of this host' in line
  assert '--allow_open_ports' in line


def test_every_address_at_once_with_that_flag(free):
  with addresses.listen(f'0.0.0.0:{free}', allow_wildcard=True):
    socket.create_connection(('127.0.0.2', free), 5).close()


def test_a_unix_socket_is_connected_to(tmp_path):
  with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(f'{tmp_path}/x')
    listener.listen()
    assert stat.S_ISSOCK(os.stat(tmp_path / 'x').st_mode)
    with addresses.connect(f'unix:{tmp_path}/x', 5) as client:
      assert client.gettimeout() == 5
      client.sendall(b'!')
      with listener.accept()[0] as accepted:
        assert accepted.recv(1) == b'!'
  # Not even while somebody looks at where it failed.
  with open_files.none_left():
    with pytest.raises(FileNotFoundError) as caught:
      addresses.connect(f'unix:{tmp_path}/y', 5)
    assert caught.tb


def test_another_host_is_connected_to_without_delay(free):
  with (
    addresses.listen(f'127.0.0.1:{free}'),
    addresses.connect(f'127.0.0.1:{free}', 5) as client,
  ):
    assert client.getpeername() == ('127.0.0.1', free)
    assert client.gettimeout() == 5
    assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_first_and_the_last_port_are_ports():
  assert addresses.parse('h:1', '--listen') == ('h', 1)
  assert addresses.parse(' [::1]:65535', '--listen') == ('::1', 65535)


class _Socket:
  """Binds as the test says: by port, what goes wrong."""

  faults: typing.ClassVar[dict[int, OSError]] = {}
  options: typing.ClassVar[list[tuple[int, int, int]]] = []
  is_open = 0

  def __init__(self, family, kind):
    assert (family, kind) == (socket.AF_INET, socket.SOCK_STREAM)
    _Socket.is_open += 1

  def setsockopt(self, *option):
    self.options.append(option)

  def bind(self, address):
    _, port = address
    if port in self.faults:
      raise self.faults[port]

  def close(self):
    _Socket.is_open -= 1

  def __enter__(self):
    return self

  def __exit__(self, *args):
    self.close()


def _in_use(*ports):
  return dict.fromkeys(ports, OSError(errno.EADDRINUSE, 'in use'))


@pytest.mark.parametrize(
  ('port', 'faults', 'why'),
  [
    (7000, _in_use(*range(7000, 7049)), (
      'is in use; expected a free port, for example 7049'
    )),
    # Only near ones are tried.
    (7000, _in_use(*range(7000, 7050)), 'is in use; expected a free port'),
    (65534, _in_use(65534), (
      'is in use; expected a free port, for example 65535'
    )),
    (65535, _in_use(65535), 'is in use; expected a free port'),
    (80, {80: OSError(errno.EACCES, 'no')}, (
      'is refused (Permission denied); expected a port of 1024 or more that '
      'is free'
    )),
    (7000, {7000: OSError('odd')}, (
      'is refused (odd); expected a port that is free'
    )),
    (7000, {7000: OSError(errno.EADDRNOTAVAIL, 'no')}, (
      'is not an address of this host; expected one of 192.168.7.3, 10.0.0.5, '
      '10.0.0.15, 172.16.0.9; did you mean 10.0.0.5:7000?'
    )),
  ],
)  # fmt: skip
def test_why_nobody_can_listen_there_is_told(monkeypatch, port, faults, why):
  own = ['192.168.7.3', '10.0.0.5', '10.0.0.15', '172.16.0.9', '127.0.0.1']
  monkeypatch.setattr(addresses, 'own_addresses', lambda: own)
  monkeypatch.setattr(_Socket, 'faults', faults)
  monkeypatch.setattr(_Socket, 'options', [])
  monkeypatch.setattr(_Socket, 'is_open', 0)
  monkeypatch.setattr(addresses.socket, 'socket', _Socket)
  assert _refused(f'10.0.0.7:{port}') == f'--listen=10.0.0.7:{port} {why}'
  assert _Socket.is_open == 0
  # The port of a run that has just ended is free for the next.
  assert _Socket.options == [(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)]


@pytest.mark.parametrize(
  ('host', 'hint'),
  [
    ('10.0.0.x', '10.0.0.5:7000'),
    ('10.node5', '10.0.0.5:7000'),
    ('gpu-node', '10.0.0.1:7000'),
  ],
)
def test_an_unknown_name_is_answered_by_an_address_like_it(
  monkeypatch, host, hint
):
  def unknown(host, port):
    raise socket.gaierror

  own = ['192.168.7.3', '10.0.0.5', '10.0.0.15']
  monkeypatch.setattr(addresses, 'own_addresses', lambda: own)
  monkeypatch.setattr(addresses.socket, 'getaddrinfo', unknown)
  assert _refused(f'{host}:7000').endswith(f'for example {hint}')


def test_addresses_of_this_host_are_named_once_and_loopback_last(monkeypatch):
  def of(family, address):
    return types.SimpleNamespace(family=family, address=address)

  found = {
    'lo': [of(socket.AF_INET, '127.0.0.1'), of(socket.AF_INET6, '::1')],
    'eth0': [
      of(socket.AF_PACKET, '00:00:5e:00:53:01'),
      of(socket.AF_INET, '10.0.0.5'),
      of(socket.AF_INET6, 'fe80::1%eth0'),
    ],
    'eth1': [
      of(socket.AF_INET, '10.0.0.5'),
      of(socket.AF_INET6, '2001:db8::5'),
    ],
  }
  monkeypatch.setattr(addresses.psutil, 'net_if_addrs', lambda: found)
  assert addresses.own_addresses() == [
    '10.0.0.5', '2001:db8::5', '127.0.0.1', '::1',
  ]  # fmt: skip
  found.clear()
  assert addresses.own_addresses() == ['127.0.0.1']
