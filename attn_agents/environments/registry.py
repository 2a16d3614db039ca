"""Every suite of games by its name. A new one is one module and one line.

Imports no suite's emulator before one of its games is made.
"""

import dataclasses
from typing import TYPE_CHECKING

from attn_agents.environments import (
  atari_suite,
  catch_suite,
  mixed_suite,
  shared_actions,
  suite,
)
from configs import errors

if TYPE_CHECKING:
  from attn_agents.environments import base
  from configs import schema

# Mutable: `register` adds suites of programs that build on this one.
SUITES: dict[str, suite.Suite] = {}


def register(added: suite.Suite) -> None:
  """Adds a suite under its name.

  Raises:
    ValueError: its name, or that of one of its games, is taken.
  """
  taken = {added.name} & set(SUITES) or set(added.games) & set(games())
  if taken:
    raise ValueError(f'there is {" and ".join(sorted(taken))} already')
  SUITES[added.name] = added


def games() -> tuple[str, ...]:
  """The single games of all suites."""
  return tuple(game for found in SUITES.values() for game in found.games)


def suite_of(game: str) -> suite.Suite:
  """The suite that has a game, or the games of a list.

  Raises:
    ConfigError: no suite has it; names the nearest that one has.
  """
  for found in SUITES.values():
    if found.has(game):
      found.members(game)
      return found
  raise errors.unknown('game', game, [*games(), *mixed_suite.SETS])


def members(game: str) -> tuple[str, ...]:
  """The games that an agent of this one plays: itself, or those of a list.

  Raises:
    ConfigError: see `suite_of`.
  """
  return suite_of(game).members(game)


def spec(config: 'schema.EnvironmentConfig') -> suite.EnvironmentSpec:
  """What is known of an environment without starting it.

  Raises:
    ConfigError: the game is unknown.
  """
  found = suite_of(config.game).spec(_as_played(config))
  return shared_actions.spec(found) if config.shared_actions else found


def num_bytes(config: 'schema.EnvironmentConfig', num_envs: int) -> int:
  """What so many environments take of memory at least, by themselves."""
  return suite_of(config.game).num_bytes(config, num_envs)


def screen(config: 'schema.EnvironmentConfig') -> 'schema.EnvironmentConfig':
  """The same game, observed as people see it; see `suite.Suite.screen`."""
  return suite_of(config.game).screen(config)


def make_environment(
  config: 'schema.EnvironmentConfig',
  num_envs: int,
  seed: int,
  num_threads: int,
  evaluation: bool = False,
) -> 'base.Environment':
  """Builds a batch of environments of one game, or of those of a list.

  Args:
    config: the game and how it is shown.
    num_envs: rows in the batch, B.
    seed: of row 0; row i takes seed + i (`seeding.ActorSeeds.environment`).
    num_threads: emulator threads.
    evaluation: play whole games: a lost life is nothing to the agent, whatever
      the config says.

  Returns:
    An environment that has not been reset yet.

  Raises:
    ConfigError: for an unknown game or a setting the game cannot honour.
  """
  if evaluation:
    config = config.whole_games()
  made = suite_of(config.game).make(
    _as_played(config), num_envs, seed, num_threads
  )
  if config.shared_actions and made.spec.actions != shared_actions.NAMES:
    return shared_actions.SharedActions(made)
  return made


def _as_played(
  config: 'schema.EnvironmentConfig',
) -> 'schema.EnvironmentConfig':
  """The config with as many actions as the game has, if they are shared."""
  if not config.shared_actions:
    return config
  return dataclasses.replace(config, full_action_space=True)


for _suite in (
  atari_suite.SUITE,
  catch_suite.SUITE,
  mixed_suite.MixedSuite(suite_of),
):
  register(_suite)
