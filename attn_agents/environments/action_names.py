"""What the actions of a game are called.

EnvPool numbers them without names; the order is the Arcade Learning
Environment's, from which `data/minimal_actions.csv` was taken.
"""

import csv
import functools
import pathlib

from configs import schema

_MINIMAL = pathlib.Path(__file__).parent / 'data' / 'minimal_actions.csv'

_ALL = (
  'noop', 'fire', 'up', 'right', 'left', 'down', 'upright', 'upleft',
  'downright', 'downleft', 'upfire', 'rightfire', 'leftfire', 'downfire',
  'uprightfire', 'upleftfire', 'downrightfire', 'downleftfire',
)  # fmt: skip
_CATCH = ('left', 'stay', 'right')


def action_names(config: schema.EnvironmentConfig) -> tuple[str, ...]:
  """Of all actions of an environment, in order.

  Raises:
    KeyError: the game is unknown here.
  """
  if config.game == 'catch':
    return _CATCH
  if not config.full_action_space:
    return _minimal()[config.game]
  # Skiing has no button.
  button = config.game != 'skiing'
  return tuple(name for name in _ALL if button or 'fire' not in name)


@functools.cache
def _minimal() -> dict[str, tuple[str, ...]]:
  with _MINIMAL.open() as file:
    return {
      row['game']: tuple(row['actions'].split()) for row in csv.DictReader(file)
    }
