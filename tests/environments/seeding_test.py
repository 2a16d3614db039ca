import itertools
import json

import numpy as np
import pytest

from attn_agents.environments import seeding


def all_seeds(seeds: seeding.ActorSeeds) -> list[int]:
  return [seeds.policy, *(seeds.environment + np.arange(seeds.num_envs))]


def test_all_seeds_differ_over_hosts_actors_restarts_and_environments():
  # The corners of every range, where a carry into the neighbour would show.
  taken: list[int] = []
  for root in (0, 1):
    taken = []
    for incarnation, host, actor in itertools.product(
      (0, 1, 2, 512, 1023), (0, 1, 31), (0, 1, 2, 254, 255)
    ):
      taken += all_seeds(
        seeding.actor_seeds(root, incarnation, host, actor, 255)
      )
    assert len(set(taken)) == len(taken) == 5 * 3 * 5 * 256


def test_seeds_fit_envpool():
  values = [
    seed
    for root in range(300)
    for seed in all_seeds(seeding.actor_seeds(root, root, 5, 9, 255))
  ]
  assert min(values) >= 0 and max(values) < 2**31
  # Spread over the whole range, not bunched at its start.
  assert 0.4 < np.mean(values) / 2**31 < 0.6


def test_every_block_is_dealt_once():
  # The permutation over a range small enough to count out: all actors and
  # hosts of two incarnations.
  blocks = {
    seeding.actor_seeds(3, incarnation, host, actor, 1).policy
    for incarnation, host, actor in itertools.product(
      (7, 8), range(seeding.MAX_HOSTS), range(seeding.MAX_ACTORS_PER_HOST)
    )
  }
  assert len(blocks) == 2 * 32 * 256


def test_same_arguments_same_seeds_and_other_root_or_era_other_seeds():
  seeds = seeding.actor_seeds(5, 4, 3, 2, 8)
  assert seeds == seeding.actor_seeds(5, 4, 3, 2, 8)
  # Golden: a resumed run on another machine must get these too.
  assert seeds == (1891973888, 1891973889, 8)
  assert seeds.policy != seeding.actor_seeds(6, 4, 3, 2, 8).policy
  assert seeds.policy != seeding.actor_seeds(5, 4 + 1024, 3, 2, 8).policy


def test_seeds_can_be_recorded():
  seeds = seeding.actor_seeds(0, 0, 0, 0, 4)
  assert json.loads(json.dumps(seeds._asdict())) == seeds._asdict()


@pytest.mark.parametrize(
  'name, value, expected',
  [
    ('root_seed', -1, '0 or more'),
    ('incarnation', -1, '0 or more'),
    ('host_index', 32, '0 to 31'),
    ('actor_index', 256, '0 to 255'),
    ('num_envs', 0, '1 to 255'),
    ('num_envs', 256, '1 to 255'),
  ],
)
def test_out_of_range_is_refused(name, value, expected):
  arguments = {
    'root_seed': 0,
    'incarnation': 0,
    'host_index': 0,
    'actor_index': 0,
    'num_envs': 1,
    name: value,
  }
  with pytest.raises(ValueError, match=f'{name}={value}: expected {expected}'):
    seeding.actor_seeds(**arguments)
