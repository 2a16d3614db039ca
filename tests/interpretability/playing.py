"""An untrained agent that plays Catch in milliseconds, to be analysed."""

import dataclasses

from attn_agents.interpretability.recordings import record, trained_agent
from tests.networks import tiny

OBSERVATION_SHAPE = (33, 26, 3)
# Three games of nine steps.
PLAN = record.Plan(num_episodes=3, max_steps=100, with_states=True)


def make_agent(resnet=False, **network):
  """S3TA with two heads on maps of 5 x 4 cells, or a residual network."""
  make = tiny.make_resnet_config if resnet else tiny.make_config
  config = make(**network)
  environment = dataclasses.replace(config.environment, game='catch')
  config = dataclasses.replace(config, environment=environment)
  made = trained_agent.TrainedAgent(config, {}, {'agent': config.agent})
  params = tiny.random_params(made.network, OBSERVATION_SHAPE)
  return made.with_params(params)
