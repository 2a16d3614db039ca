import dataclasses

import jax
import pytest

from attn_agents.networks import factory, s3ta
from configs import agents, schema
from tests.networks import tiny


def test_makes_the_named_network():
  network = factory.make_network(tiny.make_config(), 7)
  assert isinstance(network, s3ta.S3TA)
  assert network.num_actions == 7
  assert network.observation_size == (33, 26)


@pytest.mark.parametrize('agent', agents.AGENTS)
@pytest.mark.parametrize('preset', ['paper', 'small'])
def test_every_agent_has_a_network(agent, preset):
  config = agents.make(agent, preset)
  assert (config.agent, config.preset) == (agent, preset)
  config.network.validate()
  network = factory.make_network(config, 7)
  assert network.config == config.network
  state = jax.tree.leaves(network.initial_state(1))
  assert bool(state) == config.network.recurrent


def test_refuses_a_network_section_of_no_family():
  config = dataclasses.replace(
    tiny.make_config(), network=schema.NetworkConfig()
  )
  with pytest.raises(TypeError, match='NetworkConfig'):
    factory.make_network(config, 7)
