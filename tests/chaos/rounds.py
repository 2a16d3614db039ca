"""Which run gets which fault in each round, from the seed alone."""

import dataclasses
import itertools
import random
from collections.abc import Mapping

from tests.chaos import faults
from tests.launch import running

# Rounds of one directory, whose runs then end.
_ROUNDS_OF_A_RUN = 5

_CATCH = running.TINY_CATCH
_REPLAY = [
  *running.TINY_REPLAY,
  '--num_actors=2',
  '--set=runtime.checkpoint_every_seconds=2',
]
ALGORITHMS: Mapping[str, list[str]] = {
  'appo': [*_CATCH, '--algorithm=appo'],
  'vtrace': [*_CATCH, '--algorithm=vtrace'],
  'ppo': [*_CATCH, '--algorithm=ppo'],
  'q_learning': [*_REPLAY, '--algorithm=q_learning'],
}
RUNTIMES = ('threads', 'launchpad')


@dataclasses.dataclass(frozen=True)
class Choice:
  """What a round does; the same for the same seed and number."""

  runtime: str
  algorithm: str
  kind: str
  moment: str


def choose(
  seed: int, number: int, missing: Mapping[str, str], only: tuple[str, ...] = ()
) -> tuple[Choice, random.Random]:
  """Chooses round `number`, and gives the generator of what is left to draw.

  Args:
    seed: of the harness.
    number: of the round.
    missing: kinds that cannot be made here.
    only: kinds to draw from; all if empty.
  """
  pairs = list(itertools.product(RUNTIMES, ALGORITHMS))
  # Every pair in turn, in an order of the seed's own.
  random.Random(seed).shuffle(pairs)
  runtime, algorithm = pairs[number // _ROUNDS_OF_A_RUN % len(pairs)]
  rng = random.Random(f'{seed}/{number}')
  kinds = [k for k in only or faults.MOMENTS if k not in missing]
  if runtime == 'launchpad' and len(kinds) > 1:
    # Reverb's waits take seconds each under libfaketime.
    kinds = [k for k in kinds if k != 'clock']
  kind = rng.choice(kinds)
  return Choice(runtime, algorithm, kind, rng.choice(faults.MOMENTS[kind])), rng
