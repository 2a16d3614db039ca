import numpy as np

from attn_agents import types
from attn_agents.environments import game_tracker

FIRST, MID, LAST = types.StepType
NAN = np.nan


def test_sequence_written_by_hand():
  tracker = game_tracker.GameTracker(2)
  rows = [
    # rewards, step types, game over, expected returns, expected lengths
    ([1, 2], [MID, MID], [False, False], [NAN, NAN], [0, 0]),
    ([3, 0], [LAST, LAST], [False, True], [NAN, 2], [0, 2]),  # a life; a game
    ([0, 0], [FIRST, FIRST], [False, False], [NAN, NAN], [0, 0]),
    ([-7, 5], [MID, MID], [False, False], [NAN, NAN], [0, 0]),
    ([0, 0.5], [LAST, LAST], [True, True], [-3, 5.5], [4, 2]),
    ([0, 0], [FIRST, FIRST], [False, False], [NAN, NAN], [0, 0]),
    ([9, 1], [LAST, LAST], [True, False], [9, NAN], [1, 0]),
  ]
  for reward, step_type, over, game_return, game_length in rows:
    game_end = tracker.update(
      np.array(reward, np.float32),
      np.array(step_type, np.int8),
      np.array(over),
    )
    np.testing.assert_array_equal(game_end.game_return, game_return)
    np.testing.assert_array_equal(game_end.game_length, game_length)
    assert game_end.game_return.dtype == np.float32
    assert game_end.game_length.dtype == np.int32


def test_reset_forgets():
  tracker = game_tracker.GameTracker(1)
  mid, last = np.array([MID], np.int8), np.array([LAST], np.int8)
  one = np.ones(1, np.float32)
  tracker.update(one, mid, np.array([False]))
  game_end = tracker.reset()
  assert np.isnan(game_end.game_return).all()
  assert (game_end.game_length == 0).all()
  game_end = tracker.update(one, last, np.array([True]))
  assert game_end == (1, 1)


def test_games_that_are_no_games_are_forgotten():
  tracker = game_tracker.GameTracker(2)
  mid, last = np.full(2, MID, np.int8), np.full(2, LAST, np.int8)
  one = np.ones(2, np.float32)
  tracker.update(one, mid, np.array([False, False]))
  tracker.forget(np.array([False, True]))
  game_end = tracker.update(one, last, np.array([True, True]))
  np.testing.assert_array_equal(game_end.game_return, [2, 1])
  np.testing.assert_array_equal(game_end.game_length, [2, 1])


def test_long_games_lose_no_points():
  # float32 alone would drop single points above 2**24.
  tracker = game_tracker.GameTracker(1)
  mid, last = np.array([MID], np.int8), np.array([LAST], np.int8)
  tracker.update(np.array([2.0**24], np.float32), mid, np.array([False]))
  for _ in range(3):
    tracker.update(np.ones(1, np.float32), mid, np.array([False]))
  game_end = tracker.update(np.ones(1, np.float32), last, np.array([True]))
  assert game_end.game_return[0] == 2.0**24 + 4
