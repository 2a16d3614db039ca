"""What `launch/doctor.py` says of Reverb."""

import re
import types

import numpy as np
import pytest

from attn_agents.transport.reverb import self_check, servers
from attn_agents.utils import machine


@pytest.fixture(name='made')
def _made(monkeypatch):
  """The servers that are made; a look at the clock takes a quarter second."""
  now, made, server = [100.0], [], self_check.reverb.Server

  def monotonic():
    now[0] += 0.25
    return now[0]

  def remember(tables, port):
    made.append(server(tables, port=port))
    return made[-1]

  monkeypatch.setattr(
    self_check, 'time', types.SimpleNamespace(monotonic=monotonic)
  )
  monkeypatch.setattr(self_check.reverb, 'Server', remember)
  return made


def test_an_array_goes_through_a_server_that_is_ended(made):
  said = self_check.round_trip()
  found = re.fullmatch(r'an array went through port (\d+) in 250 ms', said)
  assert int(found[1]) == made[0].port
  machine.check_port(made[0].port)


def test_an_array_that_comes_back_changed_is_no_success(made, monkeypatch):
  sample = self_check.reverb.Client.sample

  def changed(self, *args, **options):
    for found in sample(self, *args, **options):
      yield found._replace(data=[np.array(x) + 1 for x in found.data])

  monkeypatch.setattr(self_check.reverb.Client, 'sample', changed)
  with pytest.raises(RuntimeError, match='came back changed'):
    self_check.round_trip()
  machine.check_port(made[0].port)


def test_a_server_is_up_when_it_answers(monkeypatch):
  """A client alone connects to nothing."""
  asked = []

  class Client:
    def __init__(self, address):
      asked.append(address)

    def server_info(self):
      asked.append('info')

  monkeypatch.setattr(servers.reverb, 'Client', Client)
  servers.wait_until_up('here:1')
  assert asked == ['here:1', 'info']
