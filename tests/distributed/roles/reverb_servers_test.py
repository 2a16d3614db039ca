"""The servers' own part in a run."""

import threading

import pytest

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import reverb_servers
from attn_agents.runs import run_directory
from attn_agents.transport.reverb import servers
from attn_agents.utils import machine
from configs import overrides, resolution

# isort: split
# After ours, which loads rlax before TensorFlow.
import reverb


class _Stop:
  def __init__(self):
    self.event = threading.Event()


@pytest.mark.parametrize('has_actor_hosts', [True, False])
def test_frames_of_84x84_are_packed_where_they_cross_hosts(
  tmp_path, has_actor_hosts
):
  request = resolution.Request(agent='s3ta', preset='small', game='catch')
  config = resolution.resolve(request, 'cpu', 1, 2)
  run_directory.RunDirectory(tmp_path).write(
    {'config': overrides.to_dict(config)}
  )
  queue, variables = (f'127.0.0.1:{x}' for x in machine.free_ports(2))
  place = topology.Topology(
    str(tmp_path), queue, variables, (0,), config.runtime.envs_per_actor,
    has_actor_hosts=has_actor_hosts,
  )  # fmt: skip
  # As its process has it.
  place = topology.from_json(topology.to_json(place))
  stop = _Stop()
  thread = threading.Thread(
    target=reverb_servers.ReverbServers(
      topology.from_json(topology.to_json(place))
    ).serve,
    args=(lifecycle.StatusFile(tmp_path, 'reverb'), stop),
  )
  thread.start()
  try:
    tables = reverb.Client(queue).server_info(timeout=60)
  finally:
    stop.event.set()
    thread.join()
  assert (servers.UNPACKED_TABLE in tables) == has_actor_hosts
