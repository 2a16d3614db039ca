"""Which games a plan plays."""

import csv
import pathlib

import pytest

from attn_agents.environments import seeding
from attn_agents.evaluation import evaluator
from tests import launch


@pytest.mark.parametrize(
  ('plan', 'first'),
  [
    (evaluator.Plan(), 1938188800),
    (evaluator.Plan(seed=3, num_envs=2), 1384855552),
  ],
)
def test_a_seed_stands_for_the_same_games_in_every_version(plan, first):
  # As they were when the first scores were published.
  want = seeding.ActorSeeds(first, first + 1, plan.num_envs)
  assert plan.seeds == want


def test_a_plan_is_what_the_command_plays_if_nothing_is_asked():
  table = pathlib.Path(launch.__file__).parent / 'flags.csv'
  with table.open() as file:
    flags = {
      row['flag']: row['default'].strip("'")
      for row in csv.DictReader(file)
      if 'evaluate' in row['commands'].split()
    }
  plan = evaluator.Plan()
  assert {
    'episodes': str(plan.num_episodes),
    'num_envs': str(plan.num_envs),
    'seed': str(plan.seed),
    'protocol': plan.protocol,
    'policy': plan.policy,
    'max_episode_frames': str(plan.max_episode_frames),
  }.items() <= flags.items()
  # The rest of the machine learns.
  assert (plan.agent_steps, plan.num_threads) == (0, 1)


def test_no_actor_of_a_run_plays_the_games_of_its_evaluation():
  evaluated = evaluator.Plan(seed=5).seeds
  played = {
    seeding.actor_seeds(5, incarnation, host, actor, 1).policy
    for incarnation in range(8)
    for host in range(seeding.MAX_HOSTS - 1)
    for actor in range(0, seeding.MAX_ACTORS_PER_HOST, 5)
  }
  assert evaluated.policy not in played
