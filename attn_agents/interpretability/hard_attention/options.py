"""Options of hard attention."""

import dataclasses
from collections.abc import Sequence

from attn_agents.interpretability import options
from configs import errors


def _shares(texts: Sequence[str]) -> tuple[float, ...]:
  for text in texts:
    try:
      good = 0 <= float(text) <= 1
    except ValueError:
      good = False
    errors.require(good, '--thresholds', text, 'numbers from 0 to 1')
  return tuple(map(float, texts))


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """What is played.

  Attributes:
    episodes: whole games at each threshold.
    thresholds: t of S3TA's Eq. 12; 0 is added if it is missing.
  """

  episodes: int = options.flag(
    'hard_episodes', 15, 'Whole games at each threshold of hard attention.'
  )
  thresholds: tuple[float, ...] = options.flag(
    'thresholds',
    ['0', '0.1', '0.5'],
    'Thresholds of hard attention, from 0 to 1.',
    kind='list',
    parse=_shares,
  )

  def __post_init__(self) -> None:
    """Raises `errors.ConfigError` for a number of games below 1."""
    errors.require(
      self.episodes >= 1, '--hard_episodes', self.episodes, 'at least 1'
    )
