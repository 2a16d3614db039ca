"""DARQN with hard attention: one location at a time (Sorokin et al. 2015, 2.2).

Its convolutions are meant to start from a trained soft agent's: `--init_from`.
"""

import dataclasses

from configs import schema
from configs.agents import darqn_soft

_NAME = 'darqn_hard'


def paper() -> schema.Config:
  """As `darqn_soft.paper`, from a learning rate of a tenth [R]."""
  config = darqn_soft.paper()
  return schema.variant(
    dataclasses.replace(
      config,
      optimizer=dataclasses.replace(config.optimizer, learning_rate=0.001),
    ),
    _NAME,
    attention='hard',
  )


def small() -> schema.Config:
  """As `darqn_soft.small`, but for the network."""
  return schema.variant(darqn_soft.small(), _NAME, attention='hard')
