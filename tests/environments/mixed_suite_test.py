import dataclasses

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import mixed_suite, registry, shared_actions
from configs import errors, games, resolution, schema


def _config(game, *settings, **wishes):
  request = resolution.Request(
    game=game, preset='small', settings=settings, **wishes
  )
  return resolution.resolve(request, 'cpu', num_devices=1, cores=2)


def test_sets_are_those_of_the_paper():
  assert len(mixed_suite.SETS['all57']) == 57
  assert registry.members('sweep6') == (
    *('battle_zone', 'boxing', 'enduro'),
    *('ms_pacman', 'seaquest', 'star_gunner'),
  )
  assert registry.members('catch') == ('catch',)


def test_games_have_one_name_in_whatever_order():
  assert games.canonical('pong, catch,breakout') == 'breakout,catch,pong'
  assert _config('pong,catch').environment.game == 'catch,pong'
  listed = ','.join(reversed(mixed_suite.SETS['sweep6']))
  assert games.canonical(listed) == 'sweep6'
  assert games.canonical('all57') == 'all57'


@pytest.mark.parametrize(
  'game, message',
  [
    ('catch,pongg', "unknown game 'pongg'; did you mean 'pong'"),
    ('catch,', "game='catch,': expected a game between commas, as 'catch'"),
    (',', "game=',': expected a game between commas, as 'catch,pong'"),
    ('pong,catch,pong', 'expected each game once, as pong,catch$'),
    ('pong,sweep6', 'a set stands alone, as --game=sweep6'),
    ('all5', "unknown game 'all5'; did you mean 'all57'"),
  ],
)
def test_bad_lists_are_one_line_with_the_nearest(game, message):
  with pytest.raises(errors.ConfigError, match=message):
    resolution.check_names(resolution.Request(game=game))


def test_what_many_games_cannot_do_is_refused():
  with pytest.raises(
    errors.ConfigError, match='shared_actions=False: expected'
  ):
    _config('catch,pong', 'environment.shared_actions=false')
  with pytest.raises(
    errors.ConfigError, match='q_learning, whose replay takes'
  ):
    _config('catch,pong', agent='dqn')
  with pytest.raises(errors.ConfigError, match='max_pool'):
    _config('catch,pong', 'environment.max_pool=false')


def test_directories_of_different_lists_have_different_names():
  assert games.in_directory('catch,pong') == 'catch+pong'
  assert games.in_directory('catch,pong', '-') == 'catch-pong'
  long = [','.join(games.ATARI_GAMES[i:]) for i in (1, 2)]
  names = [games.in_directory(name) for name in long]
  assert names[0] != names[1]
  assert [name.split('_')[0] for name in names] == ['56', '55']
  # One of 60 characters is written out, one of 61 is not.
  just = 'beam_rider,boxing,breakout,enduro,freeway,gravitar,ms_pacman'
  assert games.in_directory(just) == just.replace(',', '+')
  longer = just.replace('ms_pacman', 'pong,qbert')
  assert games.in_directory(longer).startswith('8_games_')


def test_the_spec_is_that_of_the_environment_and_of_each_game():
  config = dataclasses.replace(
    schema.EnvironmentConfig(height=20, width=10),
    game='catch,pong',
    shared_actions=True,
  )
  spec = registry.spec(config)
  assert spec.observation_shape == (20, 10, 3)
  assert spec.actions == shared_actions.NAMES
  for game in registry.members(config.game):
    each = registry.spec(config.of_game(game))
    assert each.observation_shape == spec.observation_shape
    assert each.actions == spec.actions
  env = registry.make_environment(config, 4, seed=1, num_threads=2)
  assert env.spec == spec
  turn = env.begin_turn()
  assert sorted(turn.games) == [0, 0, 1, 1]
  np.testing.assert_array_equal(
    turn.output.timestep.step_type, types.StepType.FIRST
  )
  # Only Catch is black and white.
  grey = (turn.output.timestep.observation % 255 == 0).all((1, 2, 3))
  np.testing.assert_array_equal(grey, turn.games == 0)
  ended = np.zeros(4)
  for _ in range(9):
    output = env.step(np.full(4, 11, np.int32))
    ended += ~np.isnan(output.game_end.game_return)
  np.testing.assert_array_equal(ended, turn.games == 0)
  env.close()


def test_runs_of_other_games_are_told_apart(tmp_path):
  from attn_agents.runs import run_directory
  from attn_agents.utils import machine

  run = run_directory.RunDirectory(tmp_path)
  run.open(_config('catch,pong'), machine.Devices('cpu', 1, 'cpu'))
  assert run.check(_config('pong,catch'))
  assert run.config() == _config('pong,catch')
  with pytest.raises(errors.ConfigError, match='catch,pong there, catch now'):
    run.check(_config('catch'))


def test_a_run_from_before_there_were_lists_has_one_game(tmp_path):
  from attn_agents.runs import run_directory
  from configs import overrides

  values = overrides.to_dict(_config('catch'))
  del values['environment']['shared_actions']
  assert run_directory.to_config(values) == _config('catch')
  assert not overrides.differences(values, overrides.to_dict(_config('catch')))
