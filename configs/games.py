"""The games an agent can be trained on, under the names users type.

Each suite of games says which it has (`attn_agents/environments/registry.py`).
"""

import dataclasses
import zlib

from attn_agents.environments import mixed_suite, registry
from configs import schema

# The 57 games of S3TA's Table 3.
ATARI_GAMES = registry.SUITES['atari'].games

# Sets of games by name.
GAME_SETS: dict[str, tuple[str, ...]] = {
  'all': ATARI_GAMES,
  **mixed_suite.SETS,
}
# Characters of a list of games in the name of a directory.
_MOST_OF_NAME = 60


def names() -> tuple[str, ...]:
  """All single games, those of every suite."""
  return registry.games()


def check(name: str) -> None:
  """Refuses an unknown game, and a list that has one.

  Raises:
    ConfigError: naming the nearest.
  """
  registry.suite_of(name)


def canonical(name: str) -> str:
  """The one name that a game, or a list of them in any order, has in configs.

  Raises:
    ConfigError: see `check`.
  """
  return registry.suite_of(name).canonical(name)


def members(name: str) -> tuple[str, ...]:
  """The games that an agent of this one plays; see `registry.members`."""
  return registry.members(name)


def is_many(name: str) -> bool:
  """Whether a name is of several games."""
  return mixed_suite.is_many(name)


def in_directory(name: str, joint: str = '+') -> str:
  """How a canonical name is written in the name of a directory.

  Args:
    name: of a game, a set or a list. Of a long list: how many there are, and a
      number that other lists do not have.
    joint: between the games of a list.
  """
  listed = name.replace(',', joint)
  if len(listed) <= _MOST_OF_NAME:
    return listed
  number = zlib.crc32(name.encode())
  return f'{len(members(name))}_games_{number:08x}'


def with_game(
  environment: schema.EnvironmentConfig, name: str
) -> schema.EnvironmentConfig:
  """An environment with a game of any name; several share their actions."""
  game = canonical(name)
  return dataclasses.replace(
    environment,
    game=game,
    shared_actions=environment.shared_actions or is_many(game),
  )
