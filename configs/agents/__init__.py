"""Every agent's name and presets. A new agent is one line here."""

import types
from collections.abc import Callable, Mapping

from configs import s3ta, schema

AGENTS: Mapping[str, Mapping[str, Callable[[], schema.Config]]] = (
  types.MappingProxyType(
    {
      's3ta': {'paper': s3ta.paper, 'small': s3ta.small},
    }
  )
)


def make(agent: str, preset: str) -> schema.Config:
  """The named agent's preset, before any of the user's settings."""
  return AGENTS[agent][preset]()
