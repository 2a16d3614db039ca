"""What the emulator knows of each game, in the table of games too."""

import dataclasses
from typing import NamedTuple

import ale_py
import pytest

from attn_agents.environments import atari, registry
from configs import errors, games, schema
from tests.environments import ale_player, baselines_player


class _Game(NamedTuple):
  """What the emulator says of a game.

  Attributes:
    actions: its own, and those of the full set.
    lives: most of them, in the first 100 frames.
  """

  actions: dict[bool, list[ale_py.Action]]
  lives: int


@pytest.fixture(scope='module')
def emulated():
  """Each game, which takes a tenth of a second to load."""
  found = {}
  for game in games.ATARI_GAMES:
    ale = ale_player.AlePlayer(game).ale
    actions = {False: ale.getMinimalActionSet(), True: ale.getLegalActionSet()}
    lives = 0
    for _ in range(100):
      ale.act(ale_player.NOOP)
      lives = max(lives, ale.lives())
    found[game] = _Game(actions, lives)
  assert len(found) == 57
  return found


@pytest.mark.parametrize('full', [False, True])
def test_names_are_those_of_the_emulator(emulated, full):
  for game, known in emulated.items():
    config = schema.EnvironmentConfig(game=game, full_action_space=full)
    expected = tuple(action.name.lower() for action in known.actions[full])
    assert registry.spec(config).actions == expected, game


@pytest.mark.parametrize('game', ['catch', 'pong', 'ms_pacman'])
def test_there_is_a_name_for_each_action_of_the_environment(game):
  config = schema.EnvironmentConfig(game=game)
  config = dataclasses.replace(config, height=84, width=84)
  environment = registry.make_environment(config, 1, seed=1, num_threads=1)
  assert environment.spec == registry.spec(config)
  environment.close()


def test_games_have_lives_where_the_emulator_counts_them(emulated):
  for game, known in emulated.items():
    spec = registry.spec(schema.EnvironmentConfig(game=game))
    assert spec.has_lives == (known.lives > 1), game


def test_presses_fire_where_action_1_is_fire(emulated):
  for game, known in emulated.items():
    for full, actions in known.actions.items():
      asked = schema.EnvironmentConfig(
        game=game, full_action_space=full, fire_reset=True
      )
      expected = 'each life' if baselines_player.has_fire(actions) else 'none'
      for config in (asked, asked.whole_games()):
        assert registry.spec(config).opening == expected, (game, full)
      unasked = dataclasses.replace(asked, fire_reset=False)
      for config in (unasked, unasked.whole_games()):
        assert registry.spec(config).opening == 'none'


def test_stacks_are_of_frames_of_different_times():
  config = schema.EnvironmentConfig(
    height=84, width=80, grayscale=True, frame_stack=4, action_repeat=3
  )
  spec = registry.spec(config)
  assert spec.observation_shape == (84, 80, 4)
  assert (spec.frames_in_stack, spec.action_repeat) == (4, 3)
  assert (spec.screen_shape, spec.frames_per_second) == ((210, 160, 3), 60.0)
  assert spec.steps_per_second == 20.0
  screen = registry.spec(registry.screen(config))
  assert screen.observation_shape == screen.screen_shape
  assert screen.actions == spec.actions


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'height': 9}, r'height=9: expected 10 to 1024'),
    ({'width': 4}, r'width=4: expected 5 to 1024'),
    ({'action_repeat': 1}, r'action_repeat=1: expected at least 2'),
    ({'fire_after_lost_life': True}, r'life=True: expected false, or .*=true'),
  ],
)
def test_what_no_emulator_can_do_is_refused_before_there_is_one(change, words):
  least = schema.EnvironmentConfig(
    game='pong', height=10, width=5, action_repeat=2, fire_reset=False
  )
  suite = registry.suite_of('pong')
  suite.validate(least)
  with pytest.raises(errors.ConfigError, match=words):
    suite.validate(dataclasses.replace(least, **change))


def test_emulators_are_asked_for_as_configured(monkeypatch):
  class AskedError(Exception):
    pass

  def make(name, **given):
    raise AskedError(name, given)

  monkeypatch.setattr(atari.envpool, 'make', make)
  config = schema.EnvironmentConfig(
    game='ms_pacman', action_repeat=3, max_episode_frames=83
  )
  with pytest.raises(AskedError) as asked:
    registry.make_environment(config, 4, seed=7, num_threads=2)
  name, given = asked.value.args
  assert name == 'MsPacman-v5'
  assert (given['num_envs'], given['num_threads'], given['seed']) == (4, 2, 7)
  # 27 steps are 81 frames; the next would end after the cap.
  assert given['max_episode_steps'] == 27
