"""What a trained agent says of its game and of how it chooses."""

import dataclasses

import numpy as np
import pytest

from attn_agents.interpretability.recordings import moments, trained_agent
from configs import agents
from tests.interpretability import playing


def _agent(name, game=None):
  config = agents.make(name, 'small')
  if game is not None:
    environment = dataclasses.replace(config.environment, game=game)
    config = dataclasses.replace(config, environment=environment)
  return trained_agent.TrainedAgent(config, {}, {})


def test_a_step_is_four_of_sixty_frames_also_without_a_clock():
  assert _agent('s3ta').step_seconds == pytest.approx(4 / 60)
  timeless = _agent('s3ta', 'catch')
  assert timeless.environment_spec.frames_per_second is None
  assert timeless.step_seconds == pytest.approx(4 / 60)


def test_agents_with_action_values_take_a_random_one_now_and_then():
  assert _agent('s3ta').epsilon is None
  darqn = _agent('darqn_soft')
  # Mnih et al. 2015 evaluate with 0.05.
  assert darqn.epsilon == pytest.approx(0.05)
  chances = np.exp(darqn.log_policy(np.array([1.0, 3.0, 2.0, 0.0])))
  chances = chances / chances.sum()
  np.testing.assert_allclose(
    chances, [0.0125, 0.9625, 0.0125, 0.0125], rtol=1e-4
  )


def test_other_parameters_come_with_the_facts_there_are_and_new_ones():
  played = playing.make_agent()
  other = played.with_params({'a': np.ones(2)}, checkpoint=7, agent='b')
  assert other.facts == {'agent': 'b', 'checkpoint': 7}
  assert played.facts == {'agent': 's3ta'}
  assert other.params['a'].tolist() == [1, 1]
  assert other.config is played.config
  # Nothing is compiled again.
  for name in ('network', 'agent', 'inspect', '_act'):
    assert getattr(other, name) is getattr(played, name)


def test_no_moments_ask_for_no_agent_and_no_recording():
  assert list(moments.restore(None, None, [])) == []
