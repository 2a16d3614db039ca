"""A toy problem whose optimum is known, and that no fixed setting reaches.

A member has one weight, its distance travelled. What a generation adds is at
most 1, where the learning rate is the best one for this distance; it falls off
with the square of the ratio's logarithm. The best learning rate falls as the
distance grows, as annealing has it.
"""

import math

import numpy as np
import pytest

from attn_agents.population import decisions
from tests.population import populations

_GENERATIONS = 60
# The best learning rate falls by this factor per unit of distance.
_FALL = 1 / 1.12
_WIDTH = 0.5


def _gain(learning_rate, distance):
  best = 1e-3 * _FALL**distance
  return math.exp(-((math.log(learning_rate / best) / _WIDTH) ** 2) / 2)


def _fixed(learning_rate):
  distance = 0.0
  for _ in range(_GENERATIONS):
    distance += _gain(learning_rate, distance)
  return distance


def _evolved(rule, size, seed):
  population = populations.make(size=size, rule=rule, margin=0.05, seed=seed)
  rng = np.random.default_rng(seed)
  record = decisions.Record(population)
  distance, given, entries = np.zeros(size), {}, []
  for generation in range(_GENERATIONS):
    for member in rng.permutation(size).tolist():
      now = record.hyperparameters(member)
      distance[member] += _gain(now['learning_rate'], distance[member])
      given[member, generation] = distance[member]
      entry = decisions.decide(
        population, record, member, 0, generation, distance[member]
      )
      entries.append(entry)
      record.add(entry)
      if entry.parent is not None:
        distance[member] = given[entry.parent, entry.parent_generation]
  assert decisions.replay(population, entries) == []
  return distance.max(), entries


@pytest.mark.parametrize('rule', ['impala', 'truncation'])
def test_a_population_reaches_what_no_fixed_setting_does(rule):
  fixed = max(_fixed(1e-3 * 1.1**k) for k in range(-60, 20))
  # No fixed learning rate gets further than a third of the optimum.
  assert fixed < 0.35 * _GENERATIONS
  for seed in range(3):
    reached, entries = _evolved(rule, 16, seed)
    assert reached > 0.55 * _GENERATIONS
    last = entries[-1].hyperparameters['learning_rate']
    best = 1e-3 * _FALL**reached
    assert 0.3 < last / best < 3.0
