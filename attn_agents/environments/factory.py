"""From a config to an environment."""

from attn_agents.environments import base, catch
from configs import errors, games, schema


def make_environment(
  config: schema.EnvironmentConfig,
  num_envs: int,
  seed: int,
  num_threads: int,
  evaluation: bool = False,
) -> base.Environment:
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
  if config.game in games.TEST_GAMES:
    return catch.CatchEnvironment(config, num_envs, seed)
  if config.game not in games.ATARI_GAMES:
    raise errors.unknown('game', config.game, games.ALL_GAMES)
  # EnvPool takes over a second to import, which Catch need not wait for.
  from attn_agents.environments import atari

  if evaluation:
    config = config.whole_games()
  return atari.AtariEnvironment(config, num_envs, seed, num_threads)
