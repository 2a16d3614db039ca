"""Options of the injection."""

import dataclasses
from typing import TYPE_CHECKING

from attn_agents.interpretability import options

if TYPE_CHECKING:
  from attn_agents.interpretability.injection import compute


def _load(path: str | None) -> 'compute.Injection | None':
  if path is None:
    return None
  from attn_agents.interpretability.injection import compute

  return compute.load(path)


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """What is injected.

  Attributes:
    injected: the object; None for the default, a fish from the left.
    steps: agent steps of the game with the object.
  """

  injected: 'compute.Injection | None' = options.flag(  # noqa: RUF009
    'injection',
    None,
    'JSON file that says which sprite appears where; a fish from the left if '
    'unset.',
    kind='path',
    parse=_load,
  )
  steps: int = 225
