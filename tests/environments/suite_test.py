"""What suites say of games before one is started."""

import pytest

from attn_agents.environments import (
  catch_suite,
  mixed_suite,
  registry,
  suite,
)
from configs import errors, schema


def _config(game, **settings):
  return schema.EnvironmentConfig(
    game=game, height=20, width=10, shared_actions=True, **settings
  )


def test_a_spec_has_defaults():
  spec = suite.EnvironmentSpec((8, 8, 1), ('noop', 'fire'), (8, 8, 3))
  assert (spec.num_actions, spec.action_repeat, spec.frames_in_stack) == (
    2, 1, 1,
  )  # fmt: skip
  # Docstrings promise 15 steps per second without a clock.
  assert spec.steps_per_second == 15.0
  assert not spec.has_lives and spec.opening == 'none'
  assert registry.num_bytes(_config('catch'), 100) == 0


def test_catch_is_shown_to_people_at_the_size_of_an_atari_screen():
  config = _config('catch', grayscale=True, frame_stack=4)
  spec = registry.spec(registry.screen(config))
  assert spec.observation_shape == spec.screen_shape == (210, 160, 3)
  assert registry.spec(config).observation_shape == (20, 10, 4)
  assert not spec.has_lives


def test_the_spec_of_several_games_holds_for_all_of_them():
  stacked = {'frame_stack': 4, 'action_repeat': 3}
  breakout = registry.spec(_config('breakout,catch', **stacked))
  # Of the first; of Catch, which stacks nothing; of the one with lives.
  assert (breakout.frames_per_second, breakout.action_repeat) == (60.0, 3)
  assert breakout.frames_in_stack == 1 and breakout.has_lives
  assert registry.spec(_config('breakout,pong', **stacked)).frames_in_stack == 4
  assert not registry.spec(_config('catch,pong')).has_lives


def test_several_games_take_the_memory_of_all_that_are_held():
  several = _config('breakout,catch,pong')
  # 64 rows are 4 parts of 16, of which each game holds 2.
  each = registry.num_bytes(_config('pong'), 32)
  assert registry.num_bytes(several, 64) == 2 * each > 0


def test_games_that_look_different_are_refused_by_name():
  class Repeating(suite.Suite):
    name = 'repeating'

    def __init__(self, game):
      self._repeat = {'a': 1, 'b': 2, 'c': 3}[game]

    def make(self, *_):
      raise NotImplementedError

    def spec(self, config):
      return suite.EnvironmentSpec(
        (1, 1, 1), ('noop',), (1, 1, 3), action_repeat=self._repeat
      )

  several = mixed_suite.MixedSuite(Repeating)
  with pytest.raises(
    errors.ConfigError, match='as many frames; a and b differ'
  ):
    several.validate(_config('a,b,c'))


def test_names_of_suites_and_games_are_taken_once(monkeypatch):
  monkeypatch.setattr(registry, 'SUITES', dict(registry.SUITES))
  named = catch_suite.CatchSuite()
  named.games = ('another',)
  with pytest.raises(ValueError, match='there is catch already'):
    registry.register(named)
  playing = catch_suite.CatchSuite()
  playing.name = 'another'
  with pytest.raises(ValueError, match='there is catch already'):
    registry.register(playing)
  playing.games = ('another',)
  registry.register(playing)
  assert registry.suite_of('another') is playing
  assert 'another' in registry.games()
