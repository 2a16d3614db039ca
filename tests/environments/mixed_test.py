import itertools

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import mixed, mixed_rows, registry
from configs import schema
from tests.environments import played

# Agent steps of an episode. Of the shortest, 4 rows in 5 are steps.
_LENGTHS = {'short': 4, 'catch': 9, 'long': 997, 'endless': 10**9}


@pytest.fixture(name='make')
def _make(monkeypatch):
  made = []

  def fake(config, num_envs, seed, num_threads, evaluation=False):
    env = played.Counting(_LENGTHS[config.game], num_envs)
    made.append((config.game, num_envs, seed, num_threads, env))
    return env

  monkeypatch.setattr(registry, 'make_environment', fake)

  def make(games, num_envs, seed=1, num_threads=2):
    configs = [schema.EnvironmentConfig(game=game) for game in games]
    spec = played.Counting(1, 1).spec
    env = mixed.MixedEnvironment(configs, spec, num_envs, seed, num_threads)
    env.made = made
    return env

  return make


@pytest.mark.parametrize(
  'num_envs, num_games, expected',
  [
    (16, 57, (1, 16, 1)),
    (1, 57, (1, 1, 1)),
    (64, 57, (1, 64, 2)),
    (64, 3, (16, 4, 2)),
    (3, 3, (1, 3, 2)),
    (32, 2, (16, 2, 2)),
    (61, 2, (1, 61, 39)),
  ],
)
def test_rows_are_divided_into_parts_of_one_game(num_envs, num_games, expected):
  assert mixed_rows.divide(num_envs, num_games) == expected


def test_seeds_of_a_game_stay_in_the_block_of_their_actor():
  for envs, games in itertools.product(
    (*range(1, 20), 64, 127, 254, 255), (2, 3, 6, 7, 57)
  ):
    division = mixed_rows.divide(envs, games)
    assert division.rows * division.held <= 255
    assert division.rows * division.playing == envs
    # A game with 4 steps in 5 rows, among games without such rows, can get its
    # share of the rows of a turn.
    most = 1 / 0.8 / (1 / 0.8 + games - 1) * envs
    assert division.rows * division.held >= most


@pytest.mark.parametrize('length', [1, 5])
@pytest.mark.parametrize(
  'num_envs, games',
  [
    (1, ('short', 'endless')),
    (3, ('short', 'catch', 'endless')),
    (4, ('short', 'catch', 'long')),
    (7, ('short', 'catch', 'long', 'endless')),
    (16, ('endless', 'catch')),
  ],
)
def test_games_have_equal_shares_of_steps_after_every_turn(
  make, num_envs, games, length
):
  env = make(games, num_envs)
  division = mixed_rows.divide(num_envs, len(games))
  limit = mixed.LEAD_IN_TURNS * length * division.rows
  counted = np.zeros(len(games), np.int64)
  played = np.full((len(games), division.rows * division.held), -1)
  for turn in range(100):
    begun = env.begin_turn()
    playing = begun.games
    chosen = np.isin(np.arange(played.size), begun.rows).reshape(played.shape)
    for last, is_chosen in zip(played, chosen, strict=True):
      # Of a game's rows, those that have waited longest play first.
      latest = last[is_chosen].max(initial=-1)
      assert latest <= last[~is_chosen].min(initial=turn)
    played[chosen] = turn
    for _ in range(length):
      step_type = env.step(np.zeros(num_envs, np.int32)).timestep.step_type
      np.add.at(counted, playing, step_type != types.StepType.FIRST)
    assert np.ptp(counted) <= limit, (turn, counted)
  np.testing.assert_array_equal(env.agent_steps, counted)
  assert counted.min() > 0
  env.close()


def test_rows_of_a_game_have_seeds_of_their_own_and_all_are_ended(make):
  # Four parts of one row play at a time, of two for each game.
  env = make(('short', 'catch', 'long'), 4, seed=20, num_threads=9)
  assert env.num_held == 6
  for _ in range(9):
    env.begin_turn()
    env.step(np.zeros(4, np.int32))
  assert sorted(made[:4] for made in env.made) == [
    (game, 1, seed, 2) for game in ('catch', 'long', 'short')
    for seed in (20, 21)
  ]  # fmt: skip
  # Others change nothing here.
  env.agent_steps[:] = 0
  assert env.agent_steps.sum() > 0
  env.close()
  assert all(made[-1].closed for made in env.made)


def test_reset_starts_all_anew_and_a_turn_goes_on_where_it_stopped(make):
  env = make(('catch', 'endless'), 2)
  # Each game holds two rows, of which one plays at a time.
  for begin in (env.reset, env.begin_turn):
    begin()
    env.step(np.zeros(2, np.int32))
  going_on = env.begin_turn().output.timestep.step_type
  np.testing.assert_array_equal(going_on, types.StepType.MID)
  anew = env.reset().timestep.step_type
  np.testing.assert_array_equal(anew, types.StepType.FIRST)


def test_actors_begin_with_different_games(make):
  first = {
    make(tuple(_LENGTHS), 1, seed).begin_turn().games[0] for seed in range(20)
  }
  assert first == set(range(4))
