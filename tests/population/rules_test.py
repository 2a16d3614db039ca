"""Who copies whom, and how hyperparameters change."""

import math

import numpy as np
import pytest

from attn_agents.algorithms import actor_critic
from attn_agents.learning import train_state
from attn_agents.population import rules
from configs import ranges, schema
from tests.population import populations


def _standing(member, fitness, **changes):
  return rules.Standing(
    member, 3, fitness, {**populations.HYPERPARAMETERS, **changes}
  )


def _rng(seed=0):
  return rules.random_numbers(seed, 0, 0)


def test_what_evolves_is_what_training_takes_with_its_ranges():
  assert tuple(rules.EVOLVED) == train_state.Hyperparameters._fields
  optimizer = ranges.of(schema.OptimizerConfig)
  for name in ('learning_rate', 'epsilon', 'clip_threshold'):
    assert rules.EVOLVED[name] == optimizer[name]
  of_learning = ranges.of(actor_critic.ActorCriticConfig)
  assert rules.EVOLVED['entropy_cost'] == of_learning['entropy_cost']


@pytest.mark.parametrize(
  ('theirs', 'parent'),
  [(0.56, 1), (0.55, None), (0.54, None), (0.1, None), (math.nan, None)],
)
def test_impala_copies_who_is_fitter_by_more_than_the_margin(theirs, parent):
  own = _standing(0, 0.5)
  other = _standing(1, theirs, learning_rate=0.5)
  decision = rules.impala(own, [other], 0.05, _rng())
  assert (decision.compared_with, decision.parent) == (1, parent)
  base = 1e-3 if parent is None else 0.5
  factor = decision.factors.get('learning_rate', 1.0)
  assert decision.hyperparameters['learning_rate'] == base * factor


def test_impala_copies_nobody_before_its_own_first_game():
  decision = rules.impala(
    _standing(0, math.nan), [_standing(1, 0.5)], 0.05, _rng()
  )
  assert decision.parent is None


def test_impala_compares_with_each_of_the_others_alike():
  others = [_standing(m, 0.0) for m in (1, 2, 3)]
  compared = [
    rules.impala(_standing(0, 0.0), others, 0.05, _rng(seed)).compared_with
    for seed in range(3000)
  ]
  counts = np.bincount(compared, minlength=4)
  assert counts[0] == 0
  # Four standard deviations of a binomial of 3000 and 1/3 are 103.
  assert np.all(np.abs(counts[1:] - 1000) < 103), counts


def test_impala_multiplies_a_third_by_factors_of_a_fifth_whether_it_copies():
  for theirs in (0.0, 1.0):
    factors = [
      rules.impala(
        _standing(0, 0.5), [_standing(1, theirs)], 0.05, _rng(seed)
      ).factors
      for seed in range(2000)
    ]
    found = [x for each in factors for x in each.values()]
    # 0.33 of 8000, and half of these each way; four standard deviations.
    assert abs(len(found) - 2640) < 169
    assert set(found) == {1.2, 1 / 1.2}
    assert abs(found.count(1.2) - len(found) / 2) < 103


def test_a_member_alone_explores():
  decisions = [
    rules.impala(_standing(0, 0.5), [], 0.05, _rng(seed)) for seed in range(20)
  ]
  assert all(x.compared_with is None and x.parent is None for x in decisions)
  assert any(x.factors for x in decisions)


def test_truncation_copies_from_the_best_fifth_to_the_worst_fifth():
  all_of_them = [_standing(m, m / 10, learning_rate=m + 1) for m in range(10)]

  def decide(member, seed):
    others = [x for x in all_of_them if x.member != member]
    return rules.truncation(all_of_them[member], others, 0.0, _rng(seed))

  for member in range(10):
    parents = {decide(member, seed).parent for seed in range(40)}
    assert parents == ({8, 9} if member < 2 else {None})
  for seed in range(40):
    decision = decide(0, seed)
    assert set(decision.factors.values()) <= {1.2, 0.8}
    assert len(decision.factors) == 4
    base = decision.parent + 1
    factor = decision.factors['learning_rate']
    assert decision.hyperparameters['learning_rate'] == base * factor
    assert decide(5, seed).hyperparameters == all_of_them[5].hyperparameters


def test_truncation_of_few_takes_one_and_keeps_who_leads():
  low, high = _standing(0, 0.1), _standing(1, 0.2)
  assert rules.truncation(low, [high], 0.0, _rng()).parent == 1
  assert rules.truncation(high, [low], 0.0, _rng()).parent is None
  assert rules.truncation(low, [], 0.0, _rng()).parent is None
  equal = _standing(1, 0.1)
  assert rules.truncation(low, [equal], 0.0, _rng()).parent == 1
  assert rules.truncation(equal, [low], 0.0, _rng()).parent is None
  unknown = _standing(1, math.nan)
  assert rules.truncation(low, [unknown], 0.0, _rng()).parent is None


def test_hyperparameters_stay_within_their_ranges():
  own = _standing(0, 0.5, learning_rate=99.0, entropy_cost=0.0)
  for seed in range(100):
    after = rules.impala(own, [], 0.05, _rng(seed)).hyperparameters
    assert 99.0 / 1.2 <= after['learning_rate'] <= 100.0
    assert after['entropy_cost'] == 0.0


def test_random_numbers_are_of_seed_member_and_generation():
  drawn = {
    key: rules.random_numbers(*key).random()
    for key in ((1, 2, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1))
  }
  assert len(set(drawn.values())) == 4
  assert rules.random_numbers(1, 2, 3).random() == drawn[1, 2, 3]
