"""The games an agent can be trained on, under the names users type."""

# The 57 games of S3TA's Table 3, under the names its score tables use.
ATARI_GAMES: tuple[str, ...] = (
  'alien',
  'amidar',
  'assault',
  'asterix',
  'asteroids',
  'atlantis',
  'bank_heist',
  'battle_zone',
  'beam_rider',
  'berzerk',
  'bowling',
  'boxing',
  'breakout',
  'centipede',
  'chopper_command',
  'crazy_climber',
  'defender',
  'demon_attack',
  'double_dunk',
  'enduro',
  'fishing_derby',
  'freeway',
  'frostbite',
  'gopher',
  'gravitar',
  'hero',
  'ice_hockey',
  'jamesbond',
  'kangaroo',
  'krull',
  'kung_fu_master',
  'montezuma_revenge',
  'ms_pacman',
  'name_this_game',
  'phoenix',
  'pitfall',
  'pong',
  'private_eye',
  'qbert',
  'riverraid',
  'road_runner',
  'robotank',
  'seaquest',
  'skiing',
  'solaris',
  'space_invaders',
  'star_gunner',
  'surround',
  'tennis',
  'time_pilot',
  'tutankham',
  'up_n_down',
  'venture',
  'video_pinball',
  'wizard_of_wor',
  'yars_revenge',
  'zaxxon',
)

# Small built-in games that need no emulator.
TEST_GAMES: tuple[str, ...] = ('catch',)

ALL_GAMES: tuple[str, ...] = ATARI_GAMES + TEST_GAMES

# Sets of games by name, for runs of many.
GAME_SETS: dict[str, tuple[str, ...]] = {
  'all': ATARI_GAMES,
  # On which S3TA's hyperparameters were chosen (its appendix A.2).
  'sweep6': (
    'battle_zone', 'boxing', 'enduro', 'ms_pacman', 'seaquest', 'star_gunner',
  ),
  # On which S3TA's variants are compared (its Table 4).
  'paper7': (
    'amidar', 'asteroids', 'berzerk', 'enduro', 'ms_pacman', 'seaquest',
    'space_invaders',
  ),
}  # fmt: skip
