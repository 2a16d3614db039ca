"""S3TA with learned, fixed queries: attention without top-down (S3TA 4.4)."""

from configs import schema
from configs.agents import s3ta


def paper() -> schema.Config:
  """As `s3ta.paper`, but for the queries."""
  return _vary(s3ta.paper())


def small() -> schema.Config:
  """As `s3ta.small`, but for the queries."""
  return _vary(s3ta.small())


def _vary(config: schema.Config) -> schema.Config:
  return schema.variant(config, 's3ta_fixed_query', queries='fixed')
