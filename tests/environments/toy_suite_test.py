"""A suite of another file, registered by its line: trained and scored."""

import collections
import dataclasses

import numpy as np
import pytest

from attn_agents.algorithms import registry as algorithms
from attn_agents.environments import registry
from attn_agents.evaluation import evaluator
from configs import errors, games, resolution
from launch import command_line
from tests import in_process
from tests.environments import toy


@pytest.fixture(name='registered', autouse=True)
def _registered(monkeypatch):
  monkeypatch.setitem(registry.SUITES, toy.SUITE.name, toy.SUITE)


_SETTINGS = (
  'environment.fire_reset=false',
  'network.conv_kernels=3,3',
  'network.conv_strides=1,1',
  'network.hidden_size=32',
  'runtime.envs_per_actor=8',
  'optimizer.name=adam',
  'optimizer.learning_rate=3e-3',
)
_BY_HEAD = {
  'policy': ('learning.unroll_length=16', 'learning.batch_size=16'),
  'action_values': (
    'environment.frame_stack=1',
    'network.conv_channels=8,16',
    'learning.replay_min_size=500',
    'learning.replay_capacity=5000',
    'learning.epsilon_steps=2000',
    'learning.epsilon_end=0.02',
    'learning.target_update_steps=200',
    'learning.final_learning_rate=3e-3',
  ),
}
_MOST_UPDATES = {'policy': 200, 'action_values': 2_000}


def _config(*settings, algorithm='auto'):
  """Of an agent that `algorithm` trains in seconds."""
  head = 'policy' if algorithm == 'auto' else algorithms.get(algorithm).head
  request = resolution.Request(
    agent='impala_shallow' if head == 'policy' else 'dqn',
    game='lights',
    preset='small',
    algorithm=algorithm,
    settings=[
      *_SETTINGS,
      *_BY_HEAD[head],
      *settings,
    ],
  )
  return resolution.resolve(request, 'cpu', num_devices=1, cores=2)


def test_users_can_name_its_games_and_err():
  assert 'lights' in games.names()
  with pytest.raises(errors.ConfigError, match="did you mean 'lights'"):
    games.check('light')
  with pytest.raises(errors.ConfigError, match='fire_reset=True: expected f'):
    _config('environment.fire_reset=true')


def test_the_spec_is_the_environments_not_the_configs():
  config = _config()
  spec = registry.spec(config.environment)
  assert spec.observation_shape == (8, 12, 1)
  assert config.environment.height != 8
  env = registry.make_environment(config.environment, 2, 0, 1)
  output = env.reset()
  assert env.spec == spec
  assert output.timestep.observation.shape == (2, *spec.observation_shape)


def test_frames_that_do_not_fit_are_refused_by_its_own_size():
  with pytest.raises(errors.ConfigError, match='8'):
    _config('network.conv_kernels=9,3')


def test_agents_of_other_actions_are_refused():
  trained = _config().environment
  with pytest.raises(errors.ConfigError, match='back stay step jump leap'):
    command_line.check_actions(
      trained, dataclasses.replace(trained, game='catch')
    )


# In `learning_test.py` it is Catch, where one must look ahead.
@pytest.mark.parametrize('algorithm', algorithms.ALGORITHMS)
def test_every_algorithm_learns_it_and_is_scored(algorithm):
  run = in_process.InMemory(_config(algorithm=algorithm))
  config = run.parts.config
  plan = evaluator.Plan(num_episodes=20, num_envs=4, policy='greedy')
  scorer = evaluator.Evaluator(config, plan)

  def score():
    params = run.learner.snapshot().state.params
    return np.mean([game.game_return for game in scorer.evaluate(params)])

  before, after = score(), -np.inf
  returns = collections.deque([0.0], maxlen=50)
  try:
    with run.actor_threads(config.runtime.num_actors):
      feeder = run.feeder()
      for _ in range(_MOST_UPDATES[run.parts.algorithm.head]):
        batch = feeder.get(timeout=30)
        run.learner.step(*batch)
        returns.extend(batch[1].game_returns)
        if np.mean(returns) > 7:
          after = score()
          if after > 7:
            break
          # Values of actions waver at this rate: it plays 50 more games.
          returns = collections.deque([0.0], maxlen=50)
  finally:
    run.close()
  # Of eight points.
  assert before < 4 < 7 < after
  assert run.learner.counters.frames == 3 * run.learner.counters.agent_steps
