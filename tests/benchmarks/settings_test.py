import jax
import pytest

from attn_agents import agent as agent_lib
from attn_agents.environments import registry as environments
from attn_agents.networks import factory
from benchmarks import settings
from configs import agents
from tests.benchmarks import flag_values


@pytest.mark.parametrize('agent', agents.AGENTS)
def test_every_agent_has_toy_sizes_that_fit_its_frames(monkeypatch, agent):
  flag_values.set_flags(monkeypatch, agent=agent, smoke=True)
  config = settings.config()
  assert (config.agent, config.environment.game) == (agent, 'catch')
  assert (config.environment.height, config.environment.width) == (20, 16)
  # Toys: narrower than the narrowest preset.
  preset = agents.make(agent, 'small')
  for name in ('channels', 'conv_channels', 'head_hidden'):
    if hasattr(preset.network, name):
      assert getattr(config.network, name) < getattr(preset.network, name)
  # Of a family with and without `hidden_size`, it cannot be set for all.
  assert _num_params(config) < _num_params(preset)


def _num_params(config):
  agent = agent_lib.Agent(
    factory.make_network(config, 4),
    environments.spec(config.environment).observation_shape,
  )
  params = jax.eval_shape(agent.initial_params, jax.random.key(0))
  return sum(leaf.size for leaf in jax.tree.leaves(params))
