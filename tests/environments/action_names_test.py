import dataclasses

import pytest

from attn_agents.environments import action_names, factory
from configs import games, schema
from tests.environments import ale_player


@pytest.mark.parametrize('full', [False, True])
def test_names_are_those_of_the_emulator(full):
  for game in games.ATARI_GAMES:
    config = schema.EnvironmentConfig(game=game, full_action_space=full)
    player = ale_player.AlePlayer(game, full_action_space=full)
    expected = tuple(action.name.lower() for action in player.actions)
    assert action_names.action_names(config) == expected, game


@pytest.mark.parametrize('game', ['catch', 'pong', 'ms_pacman'])
def test_there_is_a_name_for_each_action_of_the_environment(game):
  config = schema.EnvironmentConfig(game=game)
  config = dataclasses.replace(config, height=84, width=84)
  environment = factory.make_environment(config, 1, seed=1, num_threads=1)
  assert environment.num_actions == len(action_names.action_names(config))
  environment.close()
