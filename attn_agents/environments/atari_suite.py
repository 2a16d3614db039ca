"""The games of the Atari 2600, played by EnvPool (`atari.py`)."""

import csv
import dataclasses
import functools
import importlib.metadata
import math
import pathlib
import re
from typing import TYPE_CHECKING

from attn_agents.environments import shared_actions, suite
from configs import errors

if TYPE_CHECKING:
  from attn_agents.environments import base
  from configs import schema

# The 57 games of S3TA's Table 3, under the names its score tables use. Lives
# and minimal action sets are the Arcade Learning Environment's; EnvPool numbers
# the actions in the same order, without names.
_TABLE = pathlib.Path(__file__).parent / 'data' / 'atari_games.csv'

_LAST_FOR_NUMPY_1 = (0, 8, 4)
# What every ROM of the 57 draws; EnvPool scales it to the size asked for.
_SCREEN = (210, 160)
# What an emulator takes of memory, with as many observations as EnvPool makes
# room for: less than was measured (docs/performance.md).
_EMULATOR_BYTES = 700_000
_OBSERVATIONS = 12
# NTSC.
_FRAMES_PER_SECOND = 60.0


def check_versions() -> str:
  """Refuses an EnvPool that was built before there was a NumPy 2, beside one.

  All of its arrays have strides of 0 there, without a word: a screen is one
  pixel repeated, and every row reads as the first. Pip allows that pair.

  Returns:
    Both versions; nothing where one of the two is not installed.

  Raises:
    ConfigError: with both versions.
  """
  try:
    envpool, numpy = map(_version, ('envpool', 'numpy'))
  except importlib.metadata.PackageNotFoundError:
    return ''
  if _numbers(envpool) <= _LAST_FOR_NUMPY_1 and _numbers(numpy) >= (2,):
    raise errors.ConfigError(
      f'EnvPool {envpool} cannot work beside NumPy {numpy}, every screen would '
      'be one pixel repeated: expected NumPy below 2 (pip install "numpy<2"), '
      'or a newer EnvPool'
    )
  return f'EnvPool {envpool}, NumPy {numpy}'


@functools.cache
def _version(distribution: str) -> str:
  return importlib.metadata.version(distribution)


def _numbers(version: str) -> tuple[int, ...]:
  """(1, 26, 4) of '1.26.4', and (2, 0) of '2.0rc1'."""
  return tuple(int(found) for found in re.findall(r'^\d+|(?<=\.)\d+', version))


class AtariSuite(suite.Suite):
  """See `suite.Suite`."""

  name = 'atari'

  def __init__(self) -> None:
    """Reads the table of games."""
    with _TABLE.open() as file:
      self._rows = {row['game']: row for row in csv.DictReader(file)}
    self.games = tuple(self._rows)

  def spec(self, config: 'schema.EnvironmentConfig') -> suite.EnvironmentSpec:
    """See `suite.Suite.spec`."""
    channels = config.frame_stack * (1 if config.grayscale else 3)
    return suite.EnvironmentSpec(
      observation_shape=(config.height, config.width, channels),
      actions=self._actions(config),
      screen_shape=(*_SCREEN, 3),
      action_repeat=config.action_repeat,
      frames_in_stack=config.frame_stack,
      has_lives=self._rows[config.game]['has_lives'] == 'yes',
      frames_per_second=_FRAMES_PER_SECOND,
      opening=_opening(config, self._actions(config)),
    )

  def make(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
    seed: int,
    num_threads: int,
  ) -> 'base.Environment':
    """See `registry.make_environment`."""
    # EnvPool takes over a second to import.
    from attn_agents.environments import atari

    return atari.AtariEnvironment(config, num_envs, seed, num_threads)

  def validate(self, config: 'schema.EnvironmentConfig') -> None:
    """Refuses what EnvPool would silently do wrong, and a NumPy beside it.

    It pools a step's last frame with the frame before, and no setting shows one
    unpooled. With one frame per step, 0.8.4 takes the maximum of all frames
    since the game began; 1.2 shows the frame alone. A config must mean the same
    under both, so both refuse it
    (`tests/environments/envpool_pooling_test.py`).

    Raises:
      ConfigError: naming the field, or both versions.
    """
    check_versions()
    suite.require_size(config, least=(10, 5))
    errors.require(
      config.max_pool,
      'environment.max_pool',
      config.max_pool,
      'true: EnvPool pools the last two frames of every step and cannot show '
      'one alone',
    )
    errors.require(
      config.fire_reset or not config.fire_after_lost_life,
      'environment.fire_after_lost_life',
      config.fire_after_lost_life,
      'false, or environment.fire_reset=true with it',
    )
    errors.require(
      config.action_repeat >= 2,
      'environment.action_repeat',
      config.action_repeat,
      'at least 2: EnvPool shows the maximum of the last two frames',
    )

  def num_bytes(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
  ) -> int:
    """See `suite.Suite.num_bytes`."""
    observation = math.prod(self.spec(config).observation_shape)
    return num_envs * (_EMULATOR_BYTES + _OBSERVATIONS * observation)

  def screen(
    self, config: 'schema.EnvironmentConfig'
  ) -> 'schema.EnvironmentConfig':
    """See `suite.Suite.screen`."""
    height, width = _SCREEN
    return dataclasses.replace(
      config, height=height, width=width, grayscale=False, frame_stack=1
    )

  def _actions(self, config: 'schema.EnvironmentConfig') -> tuple[str, ...]:
    if not config.full_action_space:
      return tuple(self._rows[config.game]['actions'].split())
    # Skiing has no button, so that half of the actions are missing.
    button = config.game != 'skiing'
    return tuple(
      name for name in shared_actions.NAMES if button or 'fire' not in name
    )


def _opening(
  config: 'schema.EnvironmentConfig', actions: tuple[str, ...]
) -> str:
  """See `suite.EnvironmentSpec`."""
  # Every set whose action 1 is FIRE has an action 2, which the opening needs.
  if not config.fire_reset or actions[1] != 'fire':
    return 'none'
  lives = config.episodic_life or config.fire_after_lost_life
  return 'each life' if lives else 'each game'


SUITE = AtariSuite()
