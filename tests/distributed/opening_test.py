"""The direct way between hosts."""

import dataclasses
import socket
import threading
import types

import pytest

from attn_agents.distributed import isolation, opening, topology
from configs import errors
from tests.distributed import clocks

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


def _confinement(monkeypatch, confined):
  found = isolation.Isolation(confined, 'as the test says')
  monkeypatch.setattr(isolation, 'confine_to_loopback', lambda: found)


def test_threads_have_nothing_to_confine(monkeypatch):
  monkeypatch.delattr(isolation, 'confine_to_loopback')
  place = dataclasses.replace(_PLACE, runtime='threads')
  assert opening.confine(place, False) == 'opens no ports'


@pytest.mark.parametrize('allowed', [False, True])
def test_a_run_that_is_confined_says_how(monkeypatch, allowed):
  _confinement(monkeypatch, True)
  assert opening.confine(_PLACE, allowed) == (
    'confined to loopback (as the test says), ports 1 and 2'
  )


def test_a_run_that_is_not_is_refused_unless_it_may(monkeypatch):
  _confinement(monkeypatch, False)
  with pytest.raises(errors.ConfigError) as caught:
    opening.confine(_PLACE, False)
  assert str(caught.value).startswith(
    'this run cannot confine itself to loopback (as the test says): ports 1 '
    'and 2 would be open'
  )
  assert opening.confine(_PLACE, True).startswith(
    'NOT confined (as the test says): whoever reaches ports 1 and 2 of this'
  )


def test_an_actor_host_tries_each_second_until_the_time_is_over(monkeypatch):
  clock, tried = clocks.Clock(), []

  def connect(address, seconds):
    tried.append((address, seconds))
    raise OSError('no way')

  monkeypatch.setattr(opening, 'time', clock)
  monkeypatch.setattr(opening.addresses, 'connect', connect)
  with pytest.raises(errors.ConfigError) as caught:
    opening.reach_directly(_PLACE, '[::1]:7', 3.0)
  assert str(caught.value).startswith(
    '--learner_address=[::1]:7: [::1]:7 does not answer (no way) for 3 seconds;'
  )
  assert set(tried) == {('[::1]:7', 10.0)}
  # At the end of the time it is tried once more.
  assert clock.slept == [1.0] * 4


def test_a_learner_host_answers_at_two_ports(monkeypatch):
  closed = []

  def connect(address, seconds):
    return types.SimpleNamespace(close=lambda: closed.append(address))

  monkeypatch.setattr(opening.addresses, 'connect', connect)
  place = opening.reach_directly(_PLACE, '[::1]:7', 3.0)
  assert (place.queue_address, place.variables_address) == (
    '[::1]:7', '[::1]:8'
  )  # fmt: skip
  assert closed == ['[::1]:7', '[::1]:8']


def test_after_the_last_port_there_is_no_next():
  with pytest.raises(errors.ConfigError, match=r'port 6553[56] cannot be had'):
    opening.open_to_hosts(_PLACE, '10.0.0.1:65535')


def test_four_addresses_of_a_host_are_named(monkeypatch):
  monkeypatch.setattr(
    opening.addresses,
    'own_addresses',
    lambda: [f'10.0.0.{i}' for i in range(9)],
  )
  assert (
    'of this host (10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3), without TLS'
    in opening.describe(_PLACE)
  )
