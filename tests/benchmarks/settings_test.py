import pytest

from benchmarks import settings
from configs import agents
from configs.agents import darqn_soft
from tests.benchmarks import flag_values


@pytest.mark.parametrize('agent', agents.AGENTS)
def test_every_agent_has_toy_sizes_that_fit_its_frames(monkeypatch, agent):
  flag_values.set_flags(monkeypatch, agent=agent, smoke=True)
  config = settings.config()
  assert (config.agent, config.environment.game) == (agent, 'catch')
  assert (config.environment.height, config.environment.width) == (20, 16)
  # Toys: narrower than the narrowest preset.
  preset = agents.make(agent, 'small').network
  names = ['channels', 'conv_channels', 'head_hidden']
  # Of a family with and without that layer, it cannot be set for all.
  if not isinstance(preset, darqn_soft.QNetworkConfig):
    names.append('hidden_size')
  for name in names:
    if hasattr(preset, name):
      assert getattr(config.network, name) < getattr(preset, name)
