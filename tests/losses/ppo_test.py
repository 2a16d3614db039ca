"""PPO's loss against elementwise Python, finite differences and rlax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rlax

from attn_agents.algorithms import a2c as a2c_lib
from attn_agents.algorithms import ppo as ppo_lib
from attn_agents.losses import a2c, ppo
from tests.losses import batches, episodes, ppo_reference

_CONFIG = ppo_lib.PPOConfig(baseline_cost=0.7)
_N, _A = 40, 4
_EPSILON = 0.2


def _log_prob(logits, action):
  return episodes.taken(episodes.log_softmax(logits), action).astype(np.float32)


def _make_minibatch(seed):
  """Policy and value so near the old ones that clips hold and do not hold."""
  rng = np.random.default_rng(seed)

  def normal(*shape, scale=1.0):
    return (scale * rng.normal(size=shape)).astype(np.float32)

  old_logits, old_baseline = normal(_N, _A), normal(_N)
  action = rng.integers(_A, size=_N, dtype=np.int32)
  targets = ppo.Targets(
    action=action,
    log_prob=_log_prob(old_logits, action),
    # A third policy, as V-trace has it; PPO's is the old one.
    behaviour_log_prob=_log_prob(old_logits + normal(_N, _A), action),
    baseline=old_baseline,
    advantage=normal(_N),
    importance=rng.uniform(0.2, 1.0, size=_N).astype(np.float32),
    value_target=old_baseline + normal(_N, scale=0.5),
    weight=(np.arange(_N) % 5 != 0).astype(np.float32),
  )  # fmt: skip
  logits = old_logits + normal(_N, _A, scale=0.6)
  return logits, old_baseline + normal(_N, scale=0.3), targets


@functools.partial(jax.jit, static_argnums=3)
def _compiled(logits, baseline, targets, config, entropy_cost, epsilon):
  return jax.value_and_grad(ppo.ppo_loss, argnums=(0, 1), has_aux=True)(
    logits, baseline, targets, config, entropy_cost, epsilon
  )


def _evaluate(logits, baseline, targets, entropy_cost=0.0, epsilon=_EPSILON):
  with jax.numpy_rank_promotion('raise'):
    (loss, metrics), grads = _compiled(
      logits,
      baseline,
      targets,
      _CONFIG,
      jnp.float32(entropy_cost),
      jnp.float32(epsilon),
    )
  return loss, metrics, *jax.device_get(grads)


def _ratio(logits, targets):
  return np.exp(_log_prob(logits, targets.action) - targets.log_prob)


def _rho(logits, targets):
  return np.exp(_log_prob(logits, targets.action) - targets.behaviour_log_prob)


def _assert_all_cases(logits, baseline, targets, epsilon):
  valid = targets.weight > 0
  ratio, advantage = _ratio(logits, targets), targets.advantage
  moved = np.abs(baseline - targets.baseline) > epsilon
  for case in (
    (ratio > 1 + epsilon) & (advantage > 0),
    (ratio > 1 + epsilon) & (advantage < 0),
    (ratio < 1 - epsilon) & (advantage > 0),
    (ratio < 1 - epsilon) & (advantage < 0),
    np.abs(ratio - 1) < epsilon,
    moved,
    ~moved,
  ):
    assert (case & valid).any()


@pytest.mark.parametrize('seed', [0, 1])
@pytest.mark.parametrize('epsilon', [0.1, 0.3])
def test_loss_metrics_and_gradients_match_the_definition(seed, epsilon):
  logits, baseline, targets = _make_minibatch(seed)
  _assert_all_cases(logits, baseline, targets, epsilon)
  reference = functools.partial(
    ppo_reference.reference, targets=targets, config=_CONFIG, epsilon=epsilon
  )
  entropy_cost = 0.25

  def reference_loss(logits, baseline):
    ref = reference(logits, baseline)
    return ref.pg_loss + ref.baseline_loss - entropy_cost * ref.entropy

  logits64, baseline64 = logits.astype(float), baseline.astype(float)
  ref = reference(logits64, baseline64)
  valid = targets.weight > 0
  count, rho = valid.sum(), _rho(logits, targets)
  loss, metrics, logits_grad, baseline_grad = _evaluate(
    logits, baseline, targets, entropy_cost, epsilon
  )
  assert loss == metrics['loss']
  batches.assert_metrics(
    metrics,
    {
      'loss': reference_loss(logits64, baseline64),
      'pg_loss': ref.pg_loss,
      'baseline_loss': ref.baseline_loss,
      'num_transitions': count,
      'entropy': ref.entropy / count,
      'baseline_mean': baseline[valid].mean(),
      'rho_mean': np.minimum(1.0, rho)[valid].mean(),
      'approx_kl': 0.5 * (np.log(rho)[valid] ** 2).mean(),
      'ratio_clip_fraction': ref.clipped / count,
    },
  )
  np.testing.assert_allclose(
    logits_grad,
    ppo_reference.finite_differences(
      lambda x: reference_loss(x, baseline64), logits64
    ),
    atol=1e-5,
  )
  np.testing.assert_allclose(
    baseline_grad,
    ppo_reference.finite_differences(
      lambda x: reference_loss(logits64, x), baseline64
    ),
    atol=1e-5,
  )


def test_policy_part_agrees_with_rlax():
  logits, baseline, targets = _make_minibatch(2)
  ones = np.ones(_N, np.float32)
  targets = targets._replace(weight=ones, importance=ones)

  @jax.jit
  @jax.value_and_grad
  def rlax_loss(logits):
    ratio = rlax.categorical_importance_sampling_ratios(
      logits, jnp.asarray(old_logits), targets.action
    )
    return _N * rlax.clipped_surrogate_pg_loss(
      ratio, jnp.asarray(targets.advantage), _EPSILON
    )

  # Logits of any policy with those probabilities of the actions taken.
  rest = np.log((1 - np.exp(targets.log_prob)) / (_A - 1))
  old_logits = np.tile(rest[:, None], (1, _A))
  np.put_along_axis(
    old_logits, targets.action[:, None], targets.log_prob[:, None], axis=1
  )
  expected, expected_grad = rlax_loss(logits)
  _, metrics, logits_grad, _ = _evaluate(logits, baseline, targets)
  np.testing.assert_allclose(metrics['pg_loss'], expected, rtol=1e-5)
  np.testing.assert_allclose(logits_grad, expected_grad, atol=1e-5)


def test_gradient_is_zero_only_where_the_clip_stops_a_gain():
  logits, baseline, targets = _make_minibatch(3)
  ratio, advantage = _ratio(logits, targets), targets.advantage
  stopped = ((ratio > 1 + _EPSILON) & (advantage > 0)) | (
    (ratio < 1 - _EPSILON) & (advantage < 0)
  )
  beyond = np.abs(ratio - 1) > _EPSILON
  valid = targets.weight > 0
  assert (stopped & valid).sum() > 3
  assert (beyond & ~stopped & valid).sum() > 3
  _, _, logits_grad, _ = _evaluate(logits, baseline, targets)
  assert not logits_grad[stopped].any()
  assert logits_grad[valid & ~stopped].all()
  expected = -(targets.importance * advantage * ratio)[
    :, None
  ] * episodes.score(logits, targets.action)
  going = valid & ~stopped
  np.testing.assert_allclose(logits_grad[going], expected[going], atol=1e-5)


@pytest.mark.parametrize('log_ratio', [-200.0, -89.0, 80.0, 89.0, 200.0])
def test_the_clip_holds_ratios_that_float32_cannot(log_ratio):
  """Where a gain is stopped, and where there is none, nothing overflows."""
  logits, baseline, targets = _make_minibatch(8)
  log_prob = _log_prob(logits, targets.action) - np.float32(log_ratio)
  advantage = np.abs(targets.advantage)
  advantage[1::3] = 0.0
  if log_ratio < 0:
    advantage = -advantage
  targets = targets._replace(log_prob=log_prob, advantage=advantage)
  valid = targets.weight > 0
  bound = 1 + np.sign(log_ratio) * _EPSILON
  expected = -(targets.importance * advantage)[valid].sum() * bound
  loss, metrics, logits_grad, _ = _evaluate(logits, baseline, targets)
  np.testing.assert_allclose(metrics['pg_loss'], expected, rtol=1e-5)
  assert metrics['ratio_clip_fraction'] == 1.0
  assert np.isfinite(loss)
  np.testing.assert_array_equal(logits_grad, 0.0)


@pytest.mark.parametrize('epsilon', [0.1, 0.0])
def test_clip_may_change_without_recompilation(epsilon):
  """0 is where an annealed clip ends: every change of the ratio is beyond."""
  batch = _make_minibatch(4)
  _evaluate(*batch, epsilon=0.3)
  size = _compiled._cache_size()
  _, metrics, _, _ = _evaluate(*batch, epsilon=epsilon)
  assert _compiled._cache_size() == size
  ratio = _ratio(batch[0], batch[2])[batch[2].weight > 0]
  np.testing.assert_allclose(
    metrics['ratio_clip_fraction'], (np.abs(ratio - 1) > epsilon).mean()
  )


def test_masked_transitions_add_exactly_nothing():
  logits, baseline, targets = _make_minibatch(5)
  masked = targets.weight == 0
  clean = _evaluate(logits, baseline, targets, 0.1)
  dirty_targets = targets._replace(
    action=np.where(masked, 99, targets.action).astype(np.int32),
    **{
      name: np.where(masked, bad, getattr(targets, name)).astype(np.float32)
      for name, bad in {
        'log_prob': -np.inf,
        'baseline': np.nan,
        'advantage': np.inf,
        'value_target': np.nan,
      }.items()
    },
  )
  dirty = _evaluate(
    np.where(masked[:, None], np.float32([np.inf, -np.inf, np.nan, 0]), logits),
    np.where(masked, np.float32(np.inf), baseline),
    dirty_targets,
    0.1,
  )
  jax.tree.map(np.testing.assert_array_equal, dirty, clean)
  for grad in dirty[2:]:
    assert not grad[masked].any()
    assert grad[~masked].any()


def test_no_valid_transition_gives_zero_and_no_nan():
  logits, baseline, targets = _make_minibatch(6)
  targets = targets._replace(weight=np.zeros(_N, np.float32))
  loss, metrics, *grads = _evaluate(logits, baseline, targets, 0.1)
  assert loss == 0.0
  assert not any(metrics.values())
  assert not any(grad.any() for grad in grads)


def test_first_step_is_that_of_a2c():
  """Ratio 1, lambda 1, no normalisation: the gradients are the same.

  So is the value's, with twice the cost for the 1/2 at the square.
  """
  outputs, unroll = batches.make_batch(7)
  unroll = batches.on_policy(outputs, unroll)
  config = ppo_lib.PPOConfig(gae_lambda=1.0, baseline_cost=0.7)
  a2c_config = a2c_lib.A2CConfig(baseline_cost=0.35)
  assert config.discount == a2c_config.discount
  targets = ppo.targets(outputs, unroll, config)
  _, _, logits_grad, baseline_grad = _evaluate(
    outputs.policy_logits[:-1], outputs.baseline[:-1], targets, 0.1
  )
  expected = batches.evaluate(
    a2c.a2c_loss, a2c_config, outputs, unroll, 0.1
  ).outputs_grad
  assert np.abs(logits_grad).max() > 0.5
  np.testing.assert_allclose(
    logits_grad, expected.policy_logits[:-1], atol=1e-5
  )
  np.testing.assert_allclose(baseline_grad, expected.baseline[:-1], atol=1e-5)
