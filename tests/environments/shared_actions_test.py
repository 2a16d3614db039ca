import dataclasses

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import registry, shared_actions
from configs import games, schema
from tests.environments import ale_player, played

_SMALL = schema.EnvironmentConfig(height=84, width=80, shared_actions=True)


def test_catch_reads_left_and_right_and_nothing_else():
  # noop fire up right left down upright upleft downright downleft, and the
  # eight positions with the button.
  assert shared_actions.numbers(('left', 'stay', 'right')) == (
    *(1, 1, 1, 2, 0, 1, 1, 1, 1, 1),
    *(1, 2, 0, 1, 1, 1, 1, 1),
  )


def test_a_game_without_the_button_reads_the_position():
  skiing = ('noop', 'up', 'right', 'left', 'down')
  skiing += ('upright', 'upleft', 'downright', 'downleft')
  assert shared_actions.numbers(skiing) == (
    *(0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
    *(1, 2, 3, 4, 5, 6, 7, 8),
  )


def test_a_game_in_which_something_always_happens_is_refused():
  with pytest.raises(ValueError, match='no action of left right does nothing'):
    shared_actions.numbers(('left', 'right'))


def test_every_game_has_the_18_in_the_order_of_the_emulator():
  player = ale_player.AlePlayer('pong', full_action_space=True)
  names = tuple(action.name.lower() for action in player.actions)
  for game in games.names():
    config = dataclasses.replace(_SMALL, game=game)
    assert registry.spec(config).actions == names, game


@pytest.mark.parametrize('game', ['catch', 'skiing', 'pong'])
def test_an_environment_plays_what_the_number_means(game):
  config = dataclasses.replace(_SMALL, game=game, noop_max=1)
  alone = dataclasses.replace(
    config, shared_actions=False, full_action_space=True
  )
  shared = registry.make_environment(config, 2, seed=3, num_threads=1)
  plain = registry.make_environment(alone, 2, seed=3, num_threads=1)
  assert shared.spec == registry.spec(config)
  own = shared_actions.numbers(plain.spec.actions)
  rng = np.random.default_rng(1)
  got, expected = shared.reset(), plain.reset()
  for _ in range(30):
    np.testing.assert_array_equal(
      got.timestep.observation, expected.timestep.observation
    )
    action = rng.integers(18, size=2, dtype=np.int32)
    got = shared.step(action)
    expected = plain.step(np.array([own[i] for i in action], np.int32))
  assert got.timestep.step_type.dtype == np.int8
  assert set(got.timestep.step_type) <= set(types.StepType)
  shared.close()
  plain.close()


def test_the_environment_within_is_ended_with_it():
  within = played.Counting(3, 2)
  environment = shared_actions.SharedActions(within)
  assert environment.num_envs == 2
  environment.close()
  assert within.closed
