"""The direct way between hosts."""

import socket
import threading

import pytest

from attn_agents.distributed import opening, topology
from configs import errors

_PLACE = topology.Topology('/run', '127.0.0.1:1', '127.0.0.1:2', (0,), 4)


def _two_ports():
  """Sockets with one port after the other; they listen not yet."""
  while True:
    first, second = socket.socket(), socket.socket()
    first.bind(('127.0.0.1', 0))
    port = first.getsockname()[1]
    try:
      second.bind(('127.0.0.1', port + 1))
    except (OSError, OverflowError):
      first.close()
      second.close()
      continue
    return first, second, port


def test_the_parameters_have_the_next_port():
  first, second, port = _two_ports()
  with first, second:
    second.listen()
    with pytest.raises(errors.ConfigError) as caught:
      opening.open_to_hosts(_PLACE, f'10.0.0.1:{port}')
  assert str(caught.value).startswith(
    f'--listen=10.0.0.1:{port} with --allow_open_ports: port '
  )
  assert str(caught.value).endswith(
    f'expected two free ports, {port} and {port + 1}'
  )
  place = opening.open_to_hosts(_PLACE, f'10.0.0.1:{port}')
  assert topology.server_ports(place) == (port, port + 1)
  assert place.has_actor_hosts
  assert f'OPEN: ports {port} and {port + 1} of every' in (
    opening.describe(place)
  )
  # Hosts that learn together need nothing of that.
  assert opening.open_to_hosts(_PLACE, '') == _PLACE


def test_an_actor_host_waits_for_both_ports():
  first, second, port = _two_ports()
  address = f'127.0.0.1:{port}'
  with first, second:
    first.listen()
    with pytest.raises(errors.ConfigError) as caught:
      opening.reach_directly(_PLACE, address, 0.1)
    assert f'127.0.0.1:{port + 1} does not answer (Connection refused)' in (
      str(caught.value)
    )
    threading.Timer(0.5, second.listen).start()
    place = opening.reach_directly(_PLACE, address, 20.0)
  assert place.queue_address == address
  assert place.variables_address == f'127.0.0.1:{port + 1}'
