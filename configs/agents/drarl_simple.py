"""DRARL without pooling and interpolation in the mask branch."""

from configs import schema
from configs.agents import impala_ff


def paper() -> schema.Config:
  """As `impala_ff.paper`, but for the network."""
  return _vary(impala_ff.paper())


def small() -> schema.Config:
  """As `impala_ff.small`, but for the network."""
  return _vary(impala_ff.small())


def _vary(config: schema.Config) -> schema.Config:
  return schema.variant(config, 'drarl_simple', attention='residual_simple')
