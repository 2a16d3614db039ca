"""`--before`: a checkout of another commit, which a benchmark also measures."""

import pathlib

from configs import errors
from launch import paths

BEFORE = paths.define(
  'before', None, 'A checkout of another commit, which is measured too.'
)
# Of this one.
ROOT = pathlib.Path(__file__).parents[1]


def root() -> pathlib.Path | None:
  """Its folder, absolute; None without one.

  Raises:
    ConfigError: there is no checkout.
  """
  if not BEFORE.value:
    return None
  folder = pathlib.Path(BEFORE.value).absolute()
  if not (folder / 'attn_agents').is_dir():
    raise errors.ConfigError(
      f'--before={folder}: expected a checkout, with a folder attn_agents'
    )
  return folder
