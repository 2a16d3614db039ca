"""The games an agent can be trained on, under the names users type.

Each suite of games says which it has (`attn_agents/environments/registry.py`).
"""

from attn_agents.environments import registry

# The 57 games of S3TA's Table 3.
ATARI_GAMES = registry.SUITES['atari'].games

# Sets of games by name, for runs of many.
GAME_SETS: dict[str, tuple[str, ...]] = {
  'all': ATARI_GAMES,
  # On which S3TA's hyperparameters were chosen (its appendix A.2).
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


def names() -> tuple[str, ...]:
  """All games, those of every suite."""
  return registry.games()


def check(name: str) -> None:
  """Refuses an unknown game.

  Raises:
    ConfigError: naming the nearest.
  """
  registry.suite_of(name)
