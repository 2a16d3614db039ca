"""Residual attention in each section of IMPALA's deep network (DRARL)."""

from configs import schema
from configs.agents import impala_ff


def paper() -> schema.Config:
  """As `impala_ff.paper`, but for the network."""
  return _vary(impala_ff.paper())


def small() -> schema.Config:
  """As `impala_ff.small`, but for the network."""
  return _vary(impala_ff.small())


def _vary(config: schema.Config) -> schema.Config:
  return schema.variant(config, 'drarl', attention='residual')
