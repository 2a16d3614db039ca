"""A port that a server of a moment ago held."""

import errno
import socket

import pytest


def port(host: str = '') -> int:
  """A port with a connection in TIME_WAIT, as a server that ends leaves it."""
  with socket.create_server((host, 0)) as server:
    number = server.getsockname()[1]
    with socket.create_connection(('127.0.0.1', number)) as client:
      accepted, _ = server.accept()
      # Who hangs up first is left with the port.
      accepted.close()
      assert client.recv(1) == b''
  with socket.socket() as plain, pytest.raises(OSError) as refused:
    plain.bind((host, number))
  assert refused.value.errno == errno.EADDRINUSE
  return number
