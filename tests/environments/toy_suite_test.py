"""A suite of another file, registered by its line: trained and scored."""

import dataclasses

import numpy as np
import pytest

from attn_agents.environments import registry
from attn_agents.evaluation import evaluator
from configs import errors, games, resolution
from launch import command_line
from tests import in_process
from tests.environments import toy


@pytest.fixture(name='registered', autouse=True)
def _registered(monkeypatch):
  monkeypatch.setitem(registry.SUITES, toy.SUITE.name, toy.SUITE)


def _config(*settings, **wishes):
  request = resolution.Request(
    agent='impala_shallow',
    game='lights',
    preset='small',
    settings=[
      'network.conv_kernels=3,3',
      'network.conv_strides=1,1',
      'network.hidden_size=32',
      'learning.unroll_length=16',
      'learning.batch_size=16',
      'runtime.envs_per_actor=8',
      'optimizer.learning_rate=3e-3',
      *settings,
    ],
    **wishes,
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


def test_an_agent_learns_it_and_is_scored():
  run = in_process.InMemory(_config())
  plan = evaluator.Plan(num_episodes=20, num_envs=4, policy='greedy')
  scorer = evaluator.Evaluator(run.parts.config, plan)

  def score():
    params = run.learner.snapshot().state.params
    return np.mean([game.game_return for game in scorer.evaluate(params)])

  before = score()
  actor, feeder = run.make_actor(), run.feeder()
  try:
    for _ in range(20):
      actor.run_unroll()
      actor.run_unroll()
      run.learner.step(*feeder.get(timeout=30))
  finally:
    run.close()
  # Of eight points.
  assert before < 4 < 7 < score()
  assert run.learner.counters.frames == 3 * run.learner.counters.agent_steps
