"""DQN (Mnih et al. 2015): the last four frames in place of a memory."""

import dataclasses

from attn_agents.algorithms import q_learning
from configs import schema
from configs.agents import darqn_soft


def paper() -> schema.Config:
  """As `darqn_soft.paper`, but single transitions and DQN's learning rate."""
  config = darqn_soft.paper()
  config = dataclasses.replace(
    config,
    optimizer=dataclasses.replace(config.optimizer, learning_rate=0.00025),
  )
  return _vary(config, (32, 64, 64), 512)


def small() -> schema.Config:
  """As `darqn_soft.small`, but for the network, and single transitions."""
  return _vary(darqn_soft.small(), (16, 32, 32), 128)


def _vary(
  config: schema.Config, channels: tuple[int, ...], hidden_size: int
) -> schema.Config:
  learning = q_learning.ALGORITHM.section(config)
  config = dataclasses.replace(
    config,
    environment=dataclasses.replace(config.environment, frame_stack=4),
    learning=dataclasses.replace(learning, sequence_length=1),
  )
  return schema.variant(
    config,
    'dqn',
    attention='none',
    conv_channels=channels,
    hidden_size=hidden_size,
    lstm_size=0,
  )
