"""What an evaluator plays with, and what it hands on, without an emulator."""

import types as stdlib_types

import pytest

from attn_agents.acting import action_selection
from attn_agents.environments import registry
from attn_agents.evaluation import episodes, evaluator
from tests import counting_environment, in_process


class _Environment(counting_environment.CountingEnvironment):
  closed = False

  def close(self):
    self.closed = True


@pytest.fixture
def made(monkeypatch):
  """What was asked for, and the environment that was made of it."""
  found = {}

  def make(config, num_envs, seed, num_threads, evaluation=False):
    found['asked'] = config.game, num_envs, num_threads, evaluation
    found['environment'] = _Environment([3] * num_envs)
    return found['environment']

  monkeypatch.setattr(registry, 'make_environment', make)
  return found


def _evaluator(**plan):
  config = in_process.catch_config(agent='impala_ff')
  return evaluator.Evaluator(
    config, evaluator.Plan(policy='random', num_threads=5, **plan)
  )


# Games of 3 steps: 2 each, by their number or by steps of all together.
@pytest.mark.parametrize(
  'plan', [{'num_episodes': 4}, {'agent_steps': 9, 'num_episodes': 1}]
)
def test_whole_games_are_played_reported_and_the_emulators_ended(made, plan):
  scorer = _evaluator(num_envs=2, **plan)
  reported, told = [], []
  played = scorer.evaluate(None, report=reported.append, progress=told.append)
  assert [game.agent_steps for game in played] == [3] * 4
  assert sorted(reported) == sorted(played)
  assert told[0] == episodes.Progress(0, 0) and told[-1].games == 2
  assert made['asked'] == ('catch', 2, 5, True)
  assert made['environment'].closed
  assert len(scorer.evaluate(None)) == 4


@pytest.mark.parametrize('plan', [{}, {'agent_steps': 9}])
def test_a_stop_ends_the_emulators_too(made, plan):
  with pytest.raises(episodes.StoppedError):
    _evaluator(num_envs=2, **plan).evaluate(None, should_stop=lambda: True)
  assert made['environment'].closed


@pytest.mark.parametrize('policy', ['greedy', 'sampled'])
def test_actions_are_selected_as_the_plan_says(monkeypatch, policy):
  config = in_process.catch_config(agent='impala_ff')
  agent = stdlib_types.SimpleNamespace()
  scorer = evaluator.Evaluator(config, evaluator.Plan(policy=policy), agent)
  monkeypatch.setattr(
    evaluator.actor, 'Policy', lambda who, _, select: (who, select)
  )
  who, select = scorer._compiled
  assert who is agent
  greedy = select is action_selection.GREEDY.select
  assert greedy == (policy == 'greedy')
