"""IMPALA's deep network with an LSTM that sees the last action and reward.

The recurrent baseline of the S3TA paper (Espeholt et al. 2018, Figure 3).
"""

from configs import schema
from configs.agents import impala_ff


def paper() -> schema.Config:
  """As `impala_ff.paper`, but for the network."""
  return _vary(impala_ff.paper())


def s3ta_baseline() -> schema.Config:
  """As `impala_ff.s3ta_baseline`, but for the network."""
  return _vary(impala_ff.s3ta_baseline())


def small() -> schema.Config:
  """As `impala_ff.small`, but for the network."""
  return _vary(impala_ff.small())


def _vary(config: schema.Config) -> schema.Config:
  return schema.variant(config, 'impala_lstm', lstm_size=256)
