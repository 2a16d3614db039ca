"""S3TA attending by the L2 norm of its keys: no queries (S3TA 4.4)."""

from configs import schema
from configs.agents import s3ta


def paper() -> schema.Config:
  """As `s3ta.paper`, but for the queries."""
  return _vary(s3ta.paper())


def small() -> schema.Config:
  """As `s3ta.small`, but for the queries."""
  return _vary(s3ta.small())


def _vary(config: schema.Config) -> schema.Config:
  return schema.variant(
    config, 's3ta_l2_keys', queries='l2_norm', num_queries=1
  )
