"""Who copies whom, and how hyperparameters change: pure functions.

Random numbers follow from the population's seed, the member and its generation
alone, so that a decision can be made again from what it was made of.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from attn_agents.algorithms import actor_critic
from configs import ranges, schema

_OPTIMIZER = ranges.of(schema.OptimizerConfig)
# Names are those of `learning.train_state.Hyperparameters`.
EVOLVED: Mapping[str, ranges.Range] = {
  'learning_rate': _OPTIMIZER['learning_rate'],
  'entropy_cost': ranges.of(actor_critic.ActorCriticConfig)['entropy_cost'],
  'epsilon': _OPTIMIZER['epsilon'],
  'clip_threshold': _OPTIMIZER['clip_threshold'],
}

# IMPALA, appendix F.
_IMPALA_PROBABILITY = 0.33
_IMPALA_FACTORS = (1.2, 1 / 1.2)
# Jaderberg et al. 2017, "Population Based Training of Neural Networks".
_TRUNCATED = 0.2
_TRUNCATION_FACTORS = (1.2, 0.8)


@dataclasses.dataclass(frozen=True)
class Standing:
  """How a member stood at the end of one of its generations.

  Attributes:
    member: its index.
    generation: counted from 0.
    fitness: the larger the better; NaN if there is none yet.
    hyperparameters: that it trained with, by name.
  """

  member: int
  generation: int
  fitness: float
  hyperparameters: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Decision:
  """What a member goes on with.

  Attributes:
    compared_with: index of the member that it was compared with; None if there
      was none.
    parent: index of the member whose weights, optimiser and hyperparameters it
      copies; None keeps its own.
    factors: what hyperparameters were multiplied by, by name; only those that
      were.
    hyperparameters: to train with from here on, by name.
  """

  compared_with: int | None
  parent: int | None
  factors: Mapping[str, float]
  hyperparameters: Mapping[str, float]


# From how a member stands, how the others stood last, the margin, and random
# numbers to the decision.
Rule = Callable[
  [Standing, Sequence[Standing], float, np.random.Generator], Decision
]


def impala(
  own: Standing,
  others: Sequence[Standing],
  margin: float,
  rng: np.random.Generator,
) -> Decision:
  """IMPALA's rule (appendix F), which S3TA's appendix A.2 uses.

  One other member is drawn. If it is fitter by more than the margin, it is
  copied. In either case each hyperparameter is multiplied by 1.2 or 1 / 1.2
  with a probability of 0.33.

  Args:
    own: how the member stands.
    others: how each other member stood last.
    margin: absolute, in units of the fitness; IMPALA's is 0.05.
    rng: random numbers of this decision.
  """
  other = others[rng.integers(len(others))] if others else None
  copied = other if other and other.fitness > own.fitness + margin else None
  factors = {
    name: float(rng.choice(_IMPALA_FACTORS))
    for name in EVOLVED
    if rng.random() < _IMPALA_PROBABILITY
  }
  return _decision(own, other, copied, factors)


def truncation(
  own: Standing,
  others: Sequence[Standing],
  margin: float,
  rng: np.random.Generator,
) -> Decision:
  """Jaderberg's rule: the worst fifth copies one of the best fifth.

  Only who copies explores: each hyperparameter is multiplied by 1.2 or 0.8. Of
  few members a fifth is one. Members that start alike are as fit as each other;
  those of a lower index then count as worse, so that they begin to differ.

  Args:
    own: how the member stands.
    others: how each other member stood last.
    margin: not used: who is copied follows from the ranks.
    rng: random numbers of this decision.
  """
  del margin
  known = [x for x in (own, *others) if not math.isnan(x.fitness)]
  ranked = sorted(known, key=lambda x: (x.fitness, x.member))
  share = max(1, int(_TRUNCATED * len(ranked)))
  if own not in ranked[:share] or len(ranked) < 2:
    return _decision(own, None, None, {})
  best = ranked[-share:]
  other = best[rng.integers(len(best))]
  factors = {name: float(rng.choice(_TRUNCATION_FACTORS)) for name in EVOLVED}
  return _decision(own, other, other, factors)


RULES: Mapping[str, Rule] = {'impala': impala, 'truncation': truncation}


def random_numbers(
  seed: int, member: int, generation: int
) -> np.random.Generator:
  """The random numbers of one decision.

  Args:
    seed: of the population.
    member: that decides.
    generation: that ends.
  """
  return np.random.default_rng([seed, member, generation])


def _decision(
  own: Standing,
  other: Standing | None,
  copied: Standing | None,
  factors: Mapping[str, float],
) -> Decision:
  before = (copied or own).hyperparameters
  after = {}
  for name, value in before.items():
    low, high, _ = EVOLVED[name]
    after[name] = min(max(value * factors.get(name, 1.0), low), high)
  return Decision(
    compared_with=other.member if other else None,
    parent=copied.member if copied else None,
    factors=factors,
    hyperparameters=after,
  )
