"""DRQN (Hausknecht & Stone 2015), as the code released with DARQN has it.

The paper on DARQN prints 1,693,362 parameters for it, which is DQN's count and
that of no recurrent network we tried; the released one has 1,405,874.
"""

from configs import schema
from configs.agents import darqn_soft


def paper() -> schema.Config:
  """As `darqn_soft.paper`, but for the network."""
  return _vary(darqn_soft.paper(), (32, 64, 64), 256)


def small() -> schema.Config:
  """As `darqn_soft.small`, but for the network."""
  return _vary(darqn_soft.small(), (16, 32, 32), 128)


def _vary(
  config: schema.Config, channels: tuple[int, ...], hidden_size: int
) -> schema.Config:
  return schema.variant(
    config,
    'drqn',
    attention='none',
    conv_channels=channels,
    hidden_size=hidden_size,
  )
