import dataclasses

import pytest

from attn_agents.networks import registry, s3ta
from configs import schema
from tests.networks import tiny


def test_makes_the_named_network():
  network = registry.make_network(tiny.make_config(), 7)
  assert isinstance(network, s3ta.S3TA)
  assert network.num_actions == 7
  assert network.observation_size == (33, 26)


def test_refuses_unknown_agent():
  config = dataclasses.replace(tiny.make_config(), agent='s4ta')
  with pytest.raises(ValueError, match='s3ta'):
    registry.make_network(config, 7)


def test_refuses_the_network_section_of_another_agent():
  config = dataclasses.replace(
    tiny.make_config(), network=schema.NetworkConfig()
  )
  with pytest.raises(TypeError, match='S3TAConfig'):
    registry.make_network(config, 7)
