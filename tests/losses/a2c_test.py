"""A2C against n-step returns by definition, and against V-trace on policy."""

import dataclasses

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.algorithms import a2c as a2c_lib
from attn_agents.algorithms import base
from attn_agents.algorithms import vtrace as vtrace_lib
from attn_agents.losses import a2c, vtrace
from tests.losses import batches, episodes, returns_reference

_VALID = batches.VALID
_CONFIGS = {
  'baselines': a2c_lib.A2CConfig(),
  'other': a2c_lib.A2CConfig(
    discount=0.9, baseline_cost=0.3, max_abs_reward=0.0
  ),
}


def _evaluate(config, outputs, unroll, entropy_cost=0.0):
  return batches.evaluate(a2c.a2c_loss, config, outputs, unroll, entropy_cost)


@pytest.mark.parametrize('name', _CONFIGS)
@pytest.mark.parametrize('seed', [0, 1])
def test_loss_metrics_and_gradient_match_the_definition(name, seed):
  config = _CONFIGS[name]
  outputs, unroll = batches.make_batch(seed)
  returns = returns_reference.n_step(outputs, unroll, config)
  advantages = returns - outputs.baseline[:-1]
  logits = outputs.policy_logits[:-1]
  log_pi, log_mu = (
    episodes.taken(episodes.log_softmax(x), unroll.action)
    for x in (logits, unroll.behaviour_logits)
  )
  log_ratio = (log_pi - log_mu)[_VALID]
  entropies = episodes.entropy(logits)[_VALID]
  pg_loss = -(advantages * log_pi)[_VALID].sum()
  baseline_loss = config.baseline_cost * (advantages[_VALID] ** 2).sum()
  entropy_cost = 0.25
  result = _evaluate(config, outputs, unroll, entropy_cost)
  assert result.loss == result.metrics['loss']
  batches.assert_metrics(
    result.metrics,
    {
      'loss': pg_loss + baseline_loss - entropy_cost * entropies.sum(),
      'pg_loss': pg_loss,
      'baseline_loss': baseline_loss,
      'num_transitions': types.num_agent_steps(batches.STEP_TYPES),
      'entropy': entropies.mean(),
      'baseline_mean': outputs.baseline[:-1][_VALID].mean(),
      'rho_mean': np.minimum(1.0, np.exp(log_ratio)).mean(),
      'approx_kl': (0.5 * log_ratio**2).mean(),
    },
  )

  logits_grad = np.zeros(outputs.policy_logits.shape)
  logits_grad[:-1] = -advantages[..., None] * episodes.score(
    logits, unroll.action
  ) - entropy_cost * episodes.entropy_grad(logits)
  logits_grad[:-1] *= _VALID[..., None]
  baseline_grad = np.zeros(outputs.baseline.shape)
  baseline_grad[:-1] = -2.0 * config.baseline_cost * advantages * _VALID
  np.testing.assert_allclose(
    result.outputs_grad.policy_logits, logits_grad, atol=2e-5
  )
  np.testing.assert_allclose(
    result.outputs_grad.baseline, baseline_grad, atol=2e-5
  )


def test_on_policy_gradient_is_that_of_vtrace():
  """V-trace's square has a 1/2, so its baseline cost is the double."""
  config = a2c_lib.A2CConfig(discount=0.95)
  outputs, unroll = batches.make_batch(2)
  unroll = batches.on_policy(outputs, unroll)
  shared = {
    field.name: getattr(config, field.name)
    for field in dataclasses.fields(base.LearningConfig)
  }
  doubled = shared | {'baseline_cost': 2 * config.baseline_cost}
  vtrace_config = vtrace_lib.VTraceConfig(**doubled, vtrace_lambda=1.0)
  ours = _evaluate(config, outputs, unroll, 0.1)
  theirs = batches.evaluate(
    vtrace.vtrace_loss, vtrace_config, outputs, unroll, 0.1
  )
  assert np.abs(ours.outputs_grad.baseline).max() > 1.0
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6),
    ours.outputs_grad,
    theirs.outputs_grad,
  )
  np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-5)
  np.testing.assert_allclose(ours.metrics['rho_mean'], 1.0, rtol=1e-6)


def test_gradient_ignores_the_behaviour_policy_and_the_rewards_derivative():
  outputs, unroll = batches.make_batch(3)
  off_policy = _evaluate(a2c_lib.A2CConfig(), outputs, unroll)
  assert not off_policy.behaviour_grad.any()
  assert not off_policy.reward_grad.any()
  on_policy = _evaluate(
    a2c_lib.A2CConfig(), outputs, batches.on_policy(outputs, unroll)
  )
  jax.tree.map(
    np.testing.assert_array_equal,
    off_policy.outputs_grad,
    on_policy.outputs_grad,
  )


def test_masked_transitions_add_exactly_nothing():
  batches.assert_garbage_is_invisible(
    a2c.a2c_loss, a2c_lib.A2CConfig(max_abs_reward=0.0), 4
  )


@pytest.mark.parametrize('discount', [0.0, 1.0])
def test_cut_off_episode_bootstraps_from_its_last_observation(discount):
  result = _evaluate(a2c_lib.A2CConfig(), *batches.single_step(discount))
  advantage = 0.5 + 0.99 * discount * 10.0 - 3.0
  # The score of the taken action is 1 - 1/2.
  np.testing.assert_allclose(
    result.outputs_grad.policy_logits[0, 0, 0], -0.5 * advantage, rtol=1e-6
  )


def test_no_valid_transition_gives_zero_and_no_nan():
  outputs, unroll = batches.make_batch(5)
  result = _evaluate(
    a2c_lib.A2CConfig(), outputs, batches.without_valid_steps(unroll)
  )
  assert result.loss == 0.0
  assert not any(result.metrics.values())
