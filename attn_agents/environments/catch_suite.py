"""Catch (`catch.py`), which needs no emulator: for tests and first steps."""

import dataclasses
from typing import TYPE_CHECKING

from attn_agents.environments import suite
from configs import errors

if TYPE_CHECKING:
  from attn_agents.environments import base
  from configs import schema

# Rows and columns of the board: the least size of an observation.
BOARD = (10, 5)
# Enlarged, for people.
_SCREEN = (210, 160)


class CatchSuite(suite.Suite):
  """See `suite.Suite`."""

  name = 'catch'
  games = ('catch',)

  def spec(self, config: 'schema.EnvironmentConfig') -> suite.EnvironmentSpec:
    """See `suite.Suite.spec`; every channel shows the present board."""
    channels = config.frame_stack * (1 if config.grayscale else 3)
    return suite.EnvironmentSpec(
      observation_shape=(config.height, config.width, channels),
      actions=('left', 'stay', 'right'),
      screen_shape=(*_SCREEN, 3),
      action_repeat=config.action_repeat,
    )

  def make(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
    seed: int,
    num_threads: int,
  ) -> 'base.Environment':
    """See `registry.make_environment`."""
    from attn_agents.environments import catch

    return catch.CatchEnvironment(config, num_envs, seed)

  def validate(self, config: 'schema.EnvironmentConfig') -> None:
    """See `suite.Suite.validate`."""
    suite.require_size(config, least=BOARD)
    whole = (BOARD[0] - 1) * config.action_repeat
    errors.require(
      config.max_episode_frames >= whole,
      'environment.max_episode_frames',
      config.max_episode_frames,
      f'at least {whole}, a whole game of catch, which is never cut',
    )

  def screen(
    self, config: 'schema.EnvironmentConfig'
  ) -> 'schema.EnvironmentConfig':
    """See `suite.Suite.screen`."""
    height, width = _SCREEN
    return dataclasses.replace(
      config, height=height, width=width, grayscale=False, frame_stack=1
    )


SUITE = CatchSuite()
