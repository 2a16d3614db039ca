"""V-trace against IMPALA's Eq. 1 as printed and closed-form gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.algorithms import vtrace as vtrace_lib
from attn_agents.losses import ppo, vtrace
from tests.losses import batches, episodes, vtrace_reference

_VALID = batches.VALID
_CONFIGS = {
  'paper': vtrace_lib.VTraceConfig(),
  'lambda': vtrace_lib.VTraceConfig(vtrace_lambda=0.8, discount=0.9),
  'thresholds': vtrace_lib.VTraceConfig(
    clip_rho_threshold=1.7, clip_pg_rho_threshold=0.6, baseline_cost=0.3
  ),
  'unclipped_rewards': vtrace_lib.VTraceConfig(max_abs_reward=0.0),
}


def _evaluate(config, outputs, unroll, entropy_cost=0.0):
  return batches.evaluate(
    vtrace.vtrace_loss, config, outputs, unroll, entropy_cost
  )


@pytest.mark.parametrize('name', _CONFIGS)
@pytest.mark.parametrize('seed', [0, 1])
def test_loss_and_metrics_match_the_definition(name, seed):
  config = _CONFIGS[name]
  outputs, unroll = batches.make_batch(seed)
  ref = vtrace_reference.reference(outputs, unroll, config)
  rho = ref.rho[_VALID]
  for threshold in (1.0, config.clip_rho_threshold):
    assert (rho > threshold).sum() > 3
    assert (rho < threshold).sum() > 3
  assert (np.abs(unroll.timestep.reward[1:][_VALID]) > 1.0).sum() > 3

  logits = outputs.policy_logits[:-1]
  entropies = episodes.entropy(logits)[_VALID]
  log_pi = episodes.taken(episodes.log_softmax(logits), unroll.action)
  pg_loss = -(ref.advantages * log_pi)[_VALID].sum()
  errors = (ref.targets - outputs.baseline[:-1])[_VALID]
  baseline_loss = config.baseline_cost * 0.5 * (errors**2).sum()
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
      'rho_mean': np.minimum(config.clip_rho_threshold, rho).mean(),
      'approx_kl': (0.5 * np.log(rho) ** 2).mean(),
      'ratio_clip_fraction': (rho > config.clip_rho_threshold).mean(),
    },
  )


@pytest.mark.parametrize('name', _CONFIGS)
def test_policy_gradient_is_advantage_times_score(name):
  config = _CONFIGS[name]
  outputs, unroll = batches.make_batch(2)
  ref = vtrace_reference.reference(outputs, unroll, config)
  expected = np.zeros(outputs.policy_logits.shape)
  score = episodes.score(outputs.policy_logits[:-1], unroll.action)
  expected[:-1] = -(ref.advantages * _VALID)[..., None] * score
  grads = _evaluate(config, outputs, unroll).outputs_grad
  np.testing.assert_allclose(grads.policy_logits, expected, atol=2e-5)


@pytest.mark.parametrize('name', _CONFIGS)
def test_baseline_gradient_is_the_td_error_and_comes_from_its_loss_alone(name):
  config = _CONFIGS[name]
  outputs, unroll = batches.make_batch(3)
  ref = vtrace_reference.reference(outputs, unroll, config)
  expected = np.zeros(outputs.baseline.shape)
  expected[:-1] = (
    -config.baseline_cost * (ref.targets - outputs.baseline[:-1]) * _VALID
  )
  grads = _evaluate(config, outputs, unroll, entropy_cost=0.5).outputs_grad
  np.testing.assert_allclose(grads.baseline, expected, atol=2e-5)


@pytest.mark.parametrize('name', _CONFIGS)
@pytest.mark.parametrize('seed', [11, 12])
def test_policies_far_apart_give_the_numbers_of_float64(name, seed):
  """log rho of -200 to 200, where float32 holds no e^x beyond 88.7."""
  config = _CONFIGS[name]
  outputs, unroll = batches.make_batch(seed)
  far = np.linspace(-200, 200, _VALID.size, dtype=np.float32)
  far = np.random.default_rng(seed).permutation(far).reshape(_VALID.shape)
  for logits, moved in (
    (outputs.policy_logits[:-1], np.minimum(far, 0)),
    (unroll.behaviour_logits, -np.maximum(far, 0)),
  ):
    at = unroll.action[..., None]
    taken = np.take_along_axis(logits, at, -1) + moved[..., None]
    np.put_along_axis(logits, at, taken, -1)
  ref = vtrace_reference.reference(outputs, unroll, config)
  log_rho = np.log(ref.rho[_VALID])
  assert log_rho.min() < -150 and log_rho.max() > 150
  log_pi = episodes.log_softmax(outputs.policy_logits[:-1])
  taken_log_pi = episodes.taken(log_pi, unroll.action)
  terms = ref.advantages * taken_log_pi
  result = _evaluate(config, outputs, unroll)
  np.testing.assert_allclose(
    result.metrics['pg_loss'], -terms[_VALID].sum(), rtol=1e-4
  )
  score = episodes.score(outputs.policy_logits[:-1], unroll.action)
  expected = np.zeros(outputs.policy_logits.shape)
  expected[:-1] = -(ref.advantages * _VALID)[..., None] * score
  grads = result.outputs_grad
  np.testing.assert_allclose(grads.policy_logits, expected, atol=5e-5)
  errors = (ref.targets - outputs.baseline[:-1]) * _VALID
  np.testing.assert_allclose(
    grads.baseline[:-1], -config.baseline_cost * errors, atol=5e-5
  )


def test_a_ratio_beyond_float32_gives_a_finite_gradient():
  """Logits [1, 0, 0] against [-89.5, 0, 0], action 0."""
  outputs, unroll = batches.single_step(0.0)
  logits = np.zeros((4, 1, 3), np.float32)
  logits[0, 0, 0] = 1.0
  behaviour = np.zeros((3, 1, 3), np.float32)
  behaviour[0, 0, 0] = -89.5
  result = _evaluate(
    vtrace_lib.VTraceConfig(),
    outputs._replace(policy_logits=logits),
    unroll._replace(behaviour_logits=behaviour),
  )
  # The ratio counts as 1: minus the advantage times 1 - pi(0).
  np.testing.assert_allclose(
    result.outputs_grad.policy_logits[0, 0, 0],
    -(0.5 - 3.0) * (1 - np.e / (np.e + 2)),
    rtol=1e-5,
  )


def test_entropy_gradient():
  config = vtrace_lib.VTraceConfig()
  outputs, unroll = batches.make_batch(4)
  expected = np.zeros(outputs.policy_logits.shape)
  expected[:-1] = -0.7 * episodes.entropy_grad(outputs.policy_logits[:-1])
  expected[:-1] *= _VALID[..., None]
  with_entropy, without = (
    _evaluate(config, outputs, unroll, cost).outputs_grad.policy_logits
    for cost in (0.7, 0.0)
  )
  np.testing.assert_allclose(with_entropy - without, expected, atol=2e-5)


def test_behaviour_policy_and_rewards_get_no_gradient():
  outputs, unroll = batches.make_batch(5)
  result = _evaluate(vtrace_lib.VTraceConfig(), outputs, unroll)
  assert not result.behaviour_grad.any()
  # The score times the reward would be a gradient, were advantages not
  # constants.
  assert not result.reward_grad.any()


def test_masked_transitions_add_exactly_nothing():
  batches.assert_garbage_is_invisible(
    vtrace.vtrace_loss, vtrace_lib.VTraceConfig(max_abs_reward=0.0), 6
  )


@pytest.mark.parametrize('discount', [0.0, 1.0])
def test_cut_off_episode_bootstraps_from_its_last_observation(discount):
  """One transition into a LAST row: advantage r + gamma discount V - V_0."""
  result = _evaluate(vtrace_lib.VTraceConfig(), *batches.single_step(discount))
  # The score of the taken action is 1 - 1/2.
  np.testing.assert_allclose(
    result.outputs_grad.policy_logits[0, 0, 0],
    -0.5 * (0.5 + 0.99 * discount * 10.0 - 3.0),
    rtol=1e-6,
  )


def test_no_valid_transition_gives_zero_and_no_nan():
  outputs, unroll = batches.make_batch(7)
  result = _evaluate(
    vtrace_lib.VTraceConfig(), outputs, batches.without_valid_steps(unroll)
  )
  assert result.loss == 0.0
  assert not any(result.metrics.values())


@pytest.mark.parametrize('name', _CONFIGS)
def test_proximal_targets_are_those_of_the_parameters_before(name):
  config = _CONFIGS[name]
  outputs, unroll = batches.make_batch(8)
  ref = vtrace_reference.reference(outputs, unroll, config)
  with jax.numpy_rank_promotion('raise'):
    targets = vtrace.proximal_targets(
      *batches.with_garbage(outputs, unroll), config
    )
  log_pi, log_mu = (
    episodes.taken(episodes.log_softmax(logits), unroll.action)
    for logits in (outputs.policy_logits[:-1], unroll.behaviour_logits)
  )
  importance = np.minimum(config.clip_pg_rho_threshold, ref.rho)
  expected = {
    'action': unroll.action,
    'log_prob': log_pi,
    'behaviour_log_prob': log_mu,
    'baseline': outputs.baseline[:-1],
    'advantage': ref.advantages / importance,
    'importance': importance,
    'value_target': ref.targets,
    'weight': np.ones(_VALID.shape),
  }
  batches.assert_targets(targets, expected, atol=2e-5)


def test_first_proximal_step_is_that_of_vtrace():
  """Before any step the ratio is 1: PPO's gradient is V-trace's own."""
  config = _CONFIGS['thresholds']
  outputs, unroll = batches.make_batch(9)
  targets = vtrace.proximal_targets(outputs, unroll, config)

  def loss_fn(policy_logits, baseline):
    return ppo.ppo_loss(
      policy_logits, baseline, targets, config, jnp.float32(0.2),
      jnp.float32(0.1),
    )[0]  # fmt: skip

  logits_grad, baseline_grad = jax.grad(loss_fn, argnums=(0, 1))(
    outputs.policy_logits[:-1], outputs.baseline[:-1]
  )
  expected = _evaluate(config, outputs, unroll, 0.2).outputs_grad
  np.testing.assert_allclose(
    logits_grad, expected.policy_logits[:-1], atol=2e-5
  )
  np.testing.assert_allclose(baseline_grad, expected.baseline[:-1], atol=2e-5)


def test_proximal_targets_are_constants_to_the_gradient():
  outputs, unroll = batches.make_batch(10)

  def total(outputs):
    targets = vtrace.proximal_targets(outputs, unroll, _CONFIGS['lambda'])
    return sum(jnp.sum(x.astype(jnp.float32)) for x in targets)

  grads = jax.grad(total)(jax.tree.map(jnp.asarray, outputs))
  assert not any(np.asarray(x).any() for x in jax.tree.leaves(grads))
