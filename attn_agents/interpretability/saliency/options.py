"""Options of saliency, which Grad-CAM shares."""

import dataclasses

from attn_agents.interpretability import options
from configs import errors


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """How many maps are made.

  Attributes:
    maps: moments of which a map is made, spread evenly over the recording.
  """

  maps: int = options.flag(
    'saliency_maps', 60, 'Moments whose saliency is mapped, spread evenly.'
  )

  def __post_init__(self) -> None:
    """Raises `errors.ConfigError` for a number below 1."""
    errors.require(self.maps >= 1, '--saliency_maps', self.maps, 'at least 1')
