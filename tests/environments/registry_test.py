import dataclasses
import subprocess
import sys
import types as stdlib_types

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import registry as environments
from attn_agents.evaluation import scores
from configs import errors, games, schema

SMALL = schema.EnvironmentConfig(
  game='breakout', height=84, width=84, grayscale=True, noop_max=1
)


def count_ends(evaluation: bool, **change: bool) -> tuple[int, int, int]:
  config = dataclasses.replace(SMALL, **change)
  env = environments.make_environment(config, 1, 1, 1, evaluation)
  env.reset()
  episodes = ended = zeros = 0
  rng = np.random.default_rng(0)
  for _ in range(500):
    timestep, game_end = env.step(rng.integers(4, size=1, dtype=np.int32))
    episodes += int(timestep.step_type[0] == types.StepType.LAST)
    ended += int(not np.isnan(game_end.game_return[0]))
    zeros += int(timestep.discount[0] == 0)
  env.close()
  return episodes, ended, zeros


def test_evaluation_plays_whole_games():
  zero_discount = {'episodic_life': False, 'zero_discount_on_life_loss': True}
  episodes, ended, zeros = count_ends(False, episodic_life=True)
  assert episodes == zeros > ended >= 1
  episodes, ended, zeros = count_ends(False, **zero_discount)
  assert zeros > episodes == ended >= 1
  whole = count_ends(False, episodic_life=False)
  assert whole[0] == whole[1] == whole[2] >= 1
  assert count_ends(True, episodic_life=True) == whole
  assert count_ends(True, **zero_discount) == whole


def test_catch_needs_no_emulator():
  code = (
    'import sys\n'
    'from attn_agents.environments import registry\n'
    'from configs import schema\n'
    'config = schema.EnvironmentConfig(game="catch")\n'
    'env = registry.make_environment(config, 2, 0, 1)\n'
    'shape = env.reset().timestep.observation.shape\n'
    'assert shape == (2, 210, 160, 3), shape\n'
    'heavy = {"envpool", "gym", "jax", "tensorflow", "reverb", "launchpad"}\n'
    'assert not heavy & set(sys.modules), heavy & set(sys.modules)\n'
  )
  subprocess.run([sys.executable, '-c', code], check=True)


def test_unknown_game_names_the_nearest():
  with pytest.raises(errors.ConfigError, match="did you mean 'ms_pacman'"):
    environments.make_environment(
      dataclasses.replace(SMALL, game='mspacman'), 1, 1, 1
    )


def test_games_are_those_of_the_score_table():
  assert len(set(games.ATARI_GAMES)) == 57
  assert list(games.ATARI_GAMES) == sorted(games.ATARI_GAMES)
  assert set(games.names()) - set(games.ATARI_GAMES) == {'catch'}
  names = [row['game'] for row in scores.read_table('atari57_scores')]
  assert sorted(names) == list(games.ATARI_GAMES)


@pytest.mark.parametrize('asked', [(), (False,), (True,)])
def test_whole_games_are_played_if_they_are_asked_for(monkeypatch, asked):
  made = []

  class Suite:
    def make(self, config, *given):
      made.append((config.episodic_life, given))
      return stdlib_types.SimpleNamespace()

  monkeypatch.setattr(environments, 'suite_of', lambda game: Suite())
  config = dataclasses.replace(SMALL, episodic_life=True)
  environments.make_environment(config, 4, 7, 2, *asked)
  assert made == [(asked != (True,), (4, 7, 2))]
