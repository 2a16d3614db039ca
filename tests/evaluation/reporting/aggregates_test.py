import numpy as np
import pytest

from attn_agents.evaluation.reporting import aggregates


def _middle_half(values):
  """Mean of what remains without the lowest and highest quarter."""
  cut = len(values) // 4
  return np.mean(sorted(values)[cut : len(values) - cut])


def test_statistics_are_those_of_numpy():
  rng = np.random.default_rng(0)
  scores = {f'game{i}': list(rng.gamma(1.0, i + 1.0, 4)) for i in range(10)}
  found = aggregates.aggregate(scores)
  of_games = [np.mean(x) for x in scores.values()]
  every = [x for runs in scores.values() for x in runs]
  assert found['mean'].value == pytest.approx(np.mean(of_games))
  assert found['median'].value == pytest.approx(np.median(of_games))
  assert found['iqm'].value == pytest.approx(_middle_half(every))
  for estimate in found.values():
    assert estimate.low < estimate.value < estimate.high


def test_runs_are_drawn_within_their_game():
  # Games differ, runs do not: nothing another seed could change.
  found = aggregates.aggregate({'a': [1.0] * 3, 'b': [5.0] * 3, 'c': [9.0] * 3})
  for estimate in found.values():
    assert (estimate.value, estimate.low, estimate.high) == (5.0, 5.0, 5.0)


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
  rng = np.random.default_rng(1)
  runs = rng.normal(2.0, 1.0, 60)
  found = aggregates.aggregate({'a': list(runs)})['mean']
  error = runs.std() / np.sqrt(60)
  assert found.low == pytest.approx(runs.mean() - 1.96 * error, abs=0.2 * error)
  assert found.high == pytest.approx(
    runs.mean() + 1.96 * error, abs=0.2 * error
  )


def test_one_run_says_nothing_about_other_seeds():
  found = aggregates.aggregate({'a': [1.0], 'b': [3.0, 8.0]})
  # (1 + 5.5) / 2: the second run of b counts.
  assert found['mean'].value == 3.25
  assert np.isnan(found['mean'].low) and np.isnan(found['mean'].high)


def test_all_runs_of_games_with_unequal_numbers_of_runs_count():
  found = aggregates.aggregate({'a': [0.0] * 4, 'b': [1.0, 9.0]})
  # Means of the games are 0 and 5. With b's runs twice, to weigh as much as
  # a's: 0 0 0 0 1 1 9 9, of which the middle half is 0 0 1 1.
  assert {name: x.value for name, x in found.items()} == {
    'mean': 2.5, 'median': 2.5, 'iqm': 0.5,
  }  # fmt: skip
  # Samples of b are 1 1, 1 9, 9 1 or 9 9, each in a quarter of the draws.
  assert (found['mean'].low, found['mean'].high) == (0.5, 4.5)


def test_equal_scores_have_equal_intervals():
  rng = np.random.default_rng(2)
  scores = {f'game{i}': list(rng.normal(size=3)) for i in range(4)}
  np.random.seed(1)
  first = aggregates.aggregate(scores, reps=200)
  state = np.random.get_state()[1].copy()
  np.random.seed(2)
  assert aggregates.aggregate(scores, reps=200) == first
  assert aggregates.aggregate(scores, reps=200, seed=0) == first
  assert aggregates.aggregate(scores, reps=200, seed=1) != first
  np.random.seed(1)
  aggregates.aggregate(scores, reps=200)
  assert (np.random.get_state()[1] == state).all(), 'drew from the global state'
