"""Every suite of games by its name. A new one is one module and one line.

Imports no suite's emulator before one of its games is made.
"""

from typing import TYPE_CHECKING

from attn_agents.environments import atari_suite, catch_suite, suite
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
  """The games of all suites."""
  return tuple(game for found in SUITES.values() for game in found.games)


def suite_of(game: str) -> suite.Suite:
  """The suite that has a game.

  Raises:
    ConfigError: no suite has it; names the nearest that one has.
  """
  for found in SUITES.values():
    if game in found.games:
      return found
  raise errors.unknown('game', game, games())


def spec(config: 'schema.EnvironmentConfig') -> suite.EnvironmentSpec:
  """What is known of an environment without starting it.

  Raises:
    ConfigError: the game is unknown.
  """
  return suite_of(config.game).spec(config)


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
  """Builds a batch of environments of one game.

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
  return suite_of(config.game).make(config, num_envs, seed, num_threads)


for _suite in (
  atari_suite.SUITE,
  catch_suite.SUITE,
):
  register(_suite)
