"""Addresses that users give: what is listened on, and what is refused."""

import contextlib
import os
import socket
import stat

import pytest

from attn_agents.distributed.relay import addresses
from configs import errors


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
    ('7000', 'expected address:port, for example 10.0.0.1:7000'),
    (':7000', 'expected address:port'),
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
      client.sendall(b'!')
      with listener.accept()[0] as accepted:
        assert accepted.recv(1) == b'!'
  with pytest.raises(FileNotFoundError):
    addresses.connect(f'unix:{tmp_path}/y', 5)
