"""Seeds that differ over hosts, actors, environments and restarts.

EnvPool seeds environment i with seed + i in a 32-bit integer, so independent
random seeds could overlap. Here the 2**31 non-negative ones are cut into
2**23 blocks of 256, each actor gets a block of its own, and a permutation
drawn from the root seed says which.
"""

from typing import NamedTuple

import numpy as np

MAX_HOSTS = 32
MAX_ACTORS_PER_HOST = 256
MAX_ENVS_PER_ACTOR = 255
INCARNATIONS_PER_ERA = 1024
_BLOCK_SIZE = MAX_ENVS_PER_ACTOR + 1
_NUM_BLOCKS = MAX_HOSTS * MAX_ACTORS_PER_HOST * INCARNATIONS_PER_ERA


class ActorSeeds(NamedTuple):
  """Everything random in one life of one actor; plain ints, fit for JSON.

  Attributes:
    policy: of the actor's action sampling, in 0..2**31 - 1.
    environment: of environment 0; environment i takes environment + i. All of
      them lie in 1..2**31 - 1.
    num_envs: environments the range was checked for.
  """

  policy: int
  environment: int
  num_envs: int


def actor_seeds(
  root_seed: int,
  incarnation: int,
  host_index: int,
  actor_index: int,
  num_envs: int,
) -> ActorSeeds:
  """The seeds of one actor, the same on every call with the same arguments.

  Under one root seed no two seeds, of policies or environments, are equal
  within `INCARNATIONS_PER_ERA` incarnations; after those the blocks are dealt
  out anew, in another order.

  Args:
    root_seed: the run's seed, >= 0.
    incarnation: how often this actor was started before, over resumes of the
      run and restarts within it, >= 0; a restarted actor must not replay the
      games of its former life.
    host_index: in 0..MAX_HOSTS - 1.
    actor_index: on this host, in 0..MAX_ACTORS_PER_HOST - 1.
    num_envs: in 1..MAX_ENVS_PER_ACTOR.

  Returns:
    The actor's seeds.

  Raises:
    ValueError: if an argument is out of range, so that seeds could coincide.
  """
  _check_range('root_seed', root_seed, 0, None)
  _check_range('incarnation', incarnation, 0, None)
  _check_range('host_index', host_index, 0, MAX_HOSTS - 1)
  _check_range('actor_index', actor_index, 0, MAX_ACTORS_PER_HOST - 1)
  _check_range('num_envs', num_envs, 1, MAX_ENVS_PER_ACTOR)
  era, turn = divmod(incarnation, INCARNATIONS_PER_ERA)
  block = (turn * MAX_HOSTS + host_index) * MAX_ACTORS_PER_HOST + actor_index
  factor, offset = np.random.SeedSequence((root_seed, era)).generate_state(2)
  # An odd factor makes this a permutation of the power-of-two many blocks.
  block = ((2 * int(factor) + 1) * block + int(offset)) % _NUM_BLOCKS
  first = block * _BLOCK_SIZE
  return ActorSeeds(policy=first, environment=first + 1, num_envs=num_envs)


def _check_range(name: str, value: int, low: int, high: int | None) -> None:
  if value < low or (high is not None and value > high):
    limit = 'or more' if high is None else f'to {high}'
    raise ValueError(f'{name}={value}: expected {low} {limit}')
