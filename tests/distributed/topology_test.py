"""Where the processes of a run find each other, worked out by hand."""

import dataclasses
import socket

import pytest

from attn_agents.distributed import topology
from configs import errors
from tests import in_process


def _config(runtime='launchpad', **queue):
  config = in_process.catch_config()
  return dataclasses.replace(
    config,
    runtime=dataclasses.replace(
      config.runtime, kind=runtime, num_actors=3, envs_per_actor=16
    ),
    queue=dataclasses.replace(config.queue, **queue),
  )


def test_threads_have_no_addresses():
  place = topology.local(_config('threads'), '/run', devices=2)
  assert place == topology.Topology(
    '/run', '', '', (0, 1, 2), 16, devices=2, runtime='threads',
    join_seconds=0.0,
  )  # fmt: skip


def test_ports_are_those_of_the_config_or_free_ones():
  place = topology.local(_config(queue_port=701, variables_port=702), '/run')
  assert place.queue_address == '127.0.0.1:701'
  assert place.variables_address == '127.0.0.1:702'
  assert topology.server_ports(place) == (701, 702)
  place = topology.local(_config(variables_port=702), '/run')
  first, second = topology.server_ports(place)
  assert second == 702 and first > 1024
  # Behind the relay the addresses lead elsewhere.
  behind = dataclasses.replace(place, queue_address='unix:/x', ports=(5, 6))
  assert topology.server_ports(behind) == (5, 6)


@pytest.mark.parametrize(
  ('index', 'every', 'evaluates'), [(0, 5, True), (1, 5, False), (0, 0, False)]
)
def test_the_first_host_evaluates_for_all(index, every, evaluates):
  config = _config()
  config = dataclasses.replace(
    config,
    runtime=dataclasses.replace(config.runtime, evaluate_every_frames=every),
  )
  hosts = topology.Hosts('10.0.0.1:7', 4, index, seconds=90.0)
  place = topology.local(config, '/run', hosts=hosts)
  assert place.evaluate is evaluates
  assert (place.num_hosts, place.host_index) == (4, index)
  assert (place.coordinator, place.join_seconds) == ('10.0.0.1:7', 90.0)


def test_it_survives_a_command_line():
  place = topology.Topology(
    '/run', 'a:1', 'b:2', (0, 2), 16, ports=(3, 4), evaluate=True
  )
  assert topology.from_json(topology.to_json(place)) == place
  assert topology.port_of('[::1]:70') == 70


def test_processes_have_the_environments_of_their_place():
  place = topology.Topology('/run', '', '', (0,), 5)
  config = _config()
  found = topology.apply(place, config)
  assert found.runtime.envs_per_actor == 5
  assert found.learning == config.learning


@pytest.mark.parametrize('name', ['queue_port', 'variables_port'])
def test_a_port_that_cannot_be_had_is_refused(name):
  topology.check_ports(_config().queue)
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    with pytest.raises(errors.ConfigError) as caught:
      topology.check_ports(_config(**{name: port}).queue)
  assert str(caught.value) == (
    f'queue.{name}={port} is in use; expected a free port, or 0 to take one'
  )


def test_one_that_the_system_refuses_says_why(monkeypatch):
  def refuse(port):
    raise PermissionError(13, 'Permission denied')

  monkeypatch.setattr(topology.machine, 'check_port', refuse)
  with pytest.raises(errors.ConfigError) as caught:
    topology.check_ports(_config(queue_port=80).queue)
  assert 'queue.queue_port=80 is refused (Permission denied);' in (
    str(caught.value)
  )
