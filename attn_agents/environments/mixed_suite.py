"""Several games that one agent plays, as a game of its own (`mixed.py`).

Its name lists the games, 'catch,pong', or is that of a set. The agent is not
told which game it plays; it has the 18 actions of `shared_actions` in all.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_agents.environments import (
  atari_suite,
  mixed_rows,
  shared_actions,
  suite,
)
from configs import errors

if TYPE_CHECKING:
  from attn_agents.environments import base
  from configs import schema

# Sets of games by name.
SETS: dict[str, tuple[str, ...]] = {
  'all57': atari_suite.SUITE.games,
  # On which S3TA's hyperparameters were chosen (its appendix A.1).
  'sweep6': (
    'battle_zone',
    'boxing',
    'enduro',
    'ms_pacman',
    'seaquest',
    'star_gunner',
  ),
  # On which S3TA's variants are compared (its Table 4).
  'paper7': (
    'amidar',
    'asteroids',
    'berzerk',
    'enduro',
    'ms_pacman',
    'seaquest',
    'space_invaders',
  ),
}
_SEPARATOR = ','


def is_many(name: str) -> bool:
  """Whether a name is meant to be of several games."""
  return _SEPARATOR in name or name in SETS


class MixedSuite(suite.Suite):
  """See `suite.Suite`; its games are all sets and lists of others' games."""

  name = 'mixed'
  games = ()

  def __init__(self, find: Callable[[str], suite.Suite]):
    """Remembers how the suite of a game is found."""
    self._find = find

  def has(self, game: str) -> bool:
    """See `suite.Suite.has`; a list may still name a game that is not there."""
    return is_many(game)

  def members(self, game: str) -> tuple[str, ...]:
    """See `suite.Suite.members`; the games of a list are sorted.

    Raises:
      ConfigError: a list names a game that there is not, none, or one twice.
    """
    if game in SETS:
      return SETS[game]
    named = [name.strip() for name in game.split(_SEPARATOR)]
    kept = [name for name in dict.fromkeys(named) if name]
    nearest = _SEPARATOR.join(kept) or 'catch,pong'
    errors.require(
      all(named), 'game', f"'{game}'", f"a game between commas, as '{nearest}'"
    )
    for name in kept:
      errors.require(
        name not in SETS,
        'game',
        game,
        f'single games in a list; a set stands alone, as --game={name}',
      )
      self._find(name)
    errors.require(
      len(kept) == len(named), 'game', game, f'each game once, as {nearest}'
    )
    return tuple(sorted(kept))

  def canonical(self, game: str) -> str:
    """See `suite.Suite.canonical`: that of a set, or a sorted list."""
    members = self.members(game)
    for name, games in SETS.items():
      if sorted(games) == list(members):
        return name
    return game if game in SETS else _SEPARATOR.join(members)

  def spec(self, config: 'schema.EnvironmentConfig') -> suite.EnvironmentSpec:
    """See `suite.Suite.spec`; of the games together, or of the first."""
    specs = [self._find(each.game).spec(each) for each in self._each(config)]
    first = specs[0]
    return suite.EnvironmentSpec(
      observation_shape=first.observation_shape,
      actions=shared_actions.NAMES,
      screen_shape=first.screen_shape,
      observation_dtype=first.observation_dtype,
      action_repeat=first.action_repeat,
      # Catch stacks no frames of different times.
      frames_in_stack=min(spec.frames_in_stack for spec in specs),
      has_lives=any(spec.has_lives for spec in specs),
      frames_per_second=first.frames_per_second,
    )

  def make(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
    seed: int,
    num_threads: int,
  ) -> 'base.Environment':
    """See `registry.make_environment`."""
    from attn_agents.environments import mixed

    return mixed.MixedEnvironment(
      tuple(self._each(config)), self.spec(config), num_envs, seed, num_threads
    )

  def validate(self, config: 'schema.EnvironmentConfig') -> None:
    """Refuses settings that one of the games cannot honour.

    Raises:
      ConfigError: naming the field, or the games that look different.
    """
    errors.require(
      config.shared_actions,
      'environment.shared_actions',
      config.shared_actions,
      'true: one agent of many games has the same actions in all of them',
    )
    shown: dict[tuple[object, ...], str] = {}
    for each in self._each(config):
      found = self._find(each.game)
      found.validate(each)
      spec = found.spec(each)
      look = (spec.observation_shape, spec.observation_dtype)
      shown.setdefault((*look, spec.action_repeat), each.game)
    if len(shown) > 1:
      games = ' and '.join(list(shown.values())[:2])
      raise errors.ConfigError(
        f'game={config.game}: expected games whose observations have one shape '
        f'and whose steps have as many frames; {games} differ'
      )

  def num_bytes(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
  ) -> int:
    """See `suite.Suite.num_bytes`: of all that are held, not only who plays."""
    each = self._each(config)
    rows, _, held = mixed_rows.divide(num_envs, len(each))
    return sum(self._find(x.game).num_bytes(x, rows * held) for x in each)

  def _each(
    self, config: 'schema.EnvironmentConfig'
  ) -> list['schema.EnvironmentConfig']:
    """The config of each game by itself."""
    return [config.of_game(game) for game in self.members(config.game)]
