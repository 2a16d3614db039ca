"""V-trace against IMPALA's Eq. 1 as printed and closed-form gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.losses import vtrace
from configs import schema
from tests.losses import vtrace_reference

_FIRST, _MID, _LAST = types.StepType
_A = 4
# Columns: no end; termination; truncation; ends at both edges of the unroll.
_STEP_TYPES = np.array(
  [
    [_FIRST, _MID, _MID, _LAST],
    [_MID, _MID, _LAST, _FIRST],
    [_MID, _LAST, _FIRST, _MID],
    [_MID, _FIRST, _MID, _LAST],
    [_MID, _MID, _MID, _FIRST],
    [_MID, _MID, _MID, _MID],
    [_MID, _LAST, _LAST, _MID],
    [_MID, _FIRST, _FIRST, _LAST],
  ],
  np.int8,
)
_DISCOUNTS = np.ones(_STEP_TYPES.shape, np.float32)
_DISCOUNTS[:, 1][_STEP_TYPES[:, 1] == _LAST] = 0.0
_DISCOUNTS[0, 3] = 0.0
_T, _B = _STEP_TYPES.shape[0] - 1, _STEP_TYPES.shape[1]
_VALID = _STEP_TYPES[1:] != _FIRST


def _make_batch(seed):
  rng = np.random.default_rng(seed)

  def normal(*shape, scale=1.0):
    return (scale * rng.normal(size=shape)).astype(np.float32)

  outputs = types.NetworkOutput(
    policy_logits=normal(_T + 1, _B, _A), baseline=normal(_T + 1, _B)
  )
  unroll = types.Unroll(
    timestep=types.TimeStep(
      observation=np.zeros((_T + 1, _B, 1, 1, 1), np.uint8),
      reward=normal(_T + 1, _B, scale=2.0),
      discount=_DISCOUNTS,
      step_type=_STEP_TYPES,
    ),
    action=rng.integers(_A, size=(_T, _B), dtype=np.int32),
    behaviour_logits=normal(_T, _B, _A),
    agent_state=types.AgentState((), np.zeros(_B, np.int32)),
  )
  return outputs, unroll


def _loss(outputs, unroll, config, entropy_cost=None):
  if entropy_cost is None:
    entropy_cost = config.entropy_cost
  with jax.numpy_rank_promotion('raise'):
    return jax.jit(functools.partial(vtrace.vtrace_loss, config=config))(
      outputs, unroll, entropy_cost=jnp.float32(entropy_cost)
    )


def _grads(outputs, unroll, config, entropy_cost=0.0):
  def loss(outputs, behaviour_logits, reward):
    timestep = unroll.timestep._replace(reward=reward)
    changed = unroll._replace(
      timestep=timestep, behaviour_logits=behaviour_logits
    )
    return vtrace.vtrace_loss(outputs, changed, config, entropy_cost)[0]

  return jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(
    outputs, unroll.behaviour_logits, unroll.timestep.reward
  )


_CONFIGS = {
  'paper': schema.LearningConfig(),
  'lambda': schema.LearningConfig(vtrace_lambda=0.8, discount=0.9),
  'thresholds': schema.LearningConfig(
    clip_rho_threshold=1.7, clip_pg_rho_threshold=0.6, baseline_cost=0.3
  ),
  'unclipped_rewards': schema.LearningConfig(max_abs_reward=0.0),
}


@pytest.mark.parametrize('name', _CONFIGS)
@pytest.mark.parametrize('seed', [0, 1])
def test_loss_and_metrics_match_the_definition(name, seed):
  config = _CONFIGS[name]
  outputs, unroll = _make_batch(seed)
  ref = vtrace_reference.reference(outputs, unroll, config)
  for threshold in (1.0, config.clip_rho_threshold):
    assert (ref.rho[_VALID] > threshold).sum() > 3
    assert (ref.rho[_VALID] < threshold).sum() > 3
  assert (np.abs(unroll.timestep.reward[1:][_VALID]) > 1.0).sum() > 3

  pi = vtrace_reference.log_softmax(outputs.policy_logits[:-1])
  entropies = -(np.exp(pi) * pi).sum(-1)[_VALID]
  pg_loss = -(ref.advantages * ref.log_pi)[_VALID].sum()
  errors = (ref.targets - outputs.baseline[:-1])[_VALID]
  baseline_loss = config.baseline_cost * 0.5 * (errors**2).sum()
  entropy_cost = 0.25
  expected = {
    'loss': pg_loss + baseline_loss - entropy_cost * entropies.sum(),
    'pg_loss': pg_loss,
    'baseline_loss': baseline_loss,
    'num_transitions': types.num_agent_steps(_STEP_TYPES),
    'entropy': entropies.mean(),
    'baseline_mean': outputs.baseline[:-1][_VALID].mean(),
    'rho_mean': np.minimum(config.clip_rho_threshold, ref.rho)[_VALID].mean(),
  }
  loss, metrics = _loss(outputs, unroll, config, entropy_cost)
  assert set(metrics) == set(expected)
  assert loss == metrics['loss']
  for key, value in expected.items():
    np.testing.assert_allclose(metrics[key], value, rtol=2e-5, err_msg=key)
    assert metrics[key].shape == ()
    assert metrics[key].dtype == jnp.float32


@pytest.mark.parametrize('name', _CONFIGS)
def test_policy_gradient_is_advantage_times_score(name):
  config = _CONFIGS[name]
  outputs, unroll = _make_batch(2)
  ref = vtrace_reference.reference(outputs, unroll, config)
  pi = np.exp(vtrace_reference.log_softmax(outputs.policy_logits[:-1]))
  expected = np.zeros(outputs.policy_logits.shape)
  score = np.eye(_A)[unroll.action] - pi
  expected[:-1] = -(ref.advantages * _VALID)[..., None] * score
  grads, _, _ = _grads(outputs, unroll, config)
  np.testing.assert_allclose(grads.policy_logits, expected, atol=2e-5)


@pytest.mark.parametrize('name', _CONFIGS)
def test_baseline_gradient_is_the_td_error_and_comes_from_its_loss_alone(name):
  config = _CONFIGS[name]
  outputs, unroll = _make_batch(3)
  ref = vtrace_reference.reference(outputs, unroll, config)
  expected = np.zeros(outputs.baseline.shape)
  expected[:-1] = (
    -config.baseline_cost * (ref.targets - outputs.baseline[:-1]) * _VALID
  )
  grads, _, _ = _grads(outputs, unroll, config, entropy_cost=0.5)
  np.testing.assert_allclose(grads.baseline, expected, atol=2e-5)


def test_entropy_gradient():
  config = schema.LearningConfig()
  outputs, unroll = _make_batch(4)
  log_pi = vtrace_reference.log_softmax(outputs.policy_logits[:-1])
  pi = np.exp(log_pi)
  entropy = -(pi * log_pi).sum(-1, keepdims=True)
  # dH/dlogits = -pi (log pi + H); the loss has -entropy_cost H.
  expected = np.zeros(outputs.policy_logits.shape)
  expected[:-1] = 0.7 * pi * (log_pi + entropy) * _VALID[..., None]
  with_entropy, _, _ = _grads(outputs, unroll, config, entropy_cost=0.7)
  without, _, _ = _grads(outputs, unroll, config, entropy_cost=0.0)
  np.testing.assert_allclose(
    with_entropy.policy_logits - without.policy_logits, expected, atol=2e-5
  )


def test_behaviour_policy_and_rewards_get_no_gradient():
  outputs, unroll = _make_batch(5)
  _, behaviour, reward = _grads(outputs, unroll, schema.LearningConfig())
  assert not behaviour.any()
  # The score times the reward would be a gradient, were advantages not
  # constants.
  assert not reward.any()


def _with_garbage(outputs, unroll):
  """Puts values a leak cannot hide into all that belongs to masked steps."""
  masked = ~_VALID
  policy_logits = outputs.policy_logits.copy()
  policy_logits[:-1][masked] = [1e30, -1e30, 3.0, 1e9]
  baseline = outputs.baseline.copy()
  terminated = (_STEP_TYPES == _LAST) & (_DISCOUNTS == 0.0)
  baseline[terminated] = 1e30
  reward = unroll.timestep.reward.copy()
  reward[1:][masked] = 1e30
  reward[0] = -1e30
  discount = unroll.timestep.discount.copy()
  discount[1:][masked] = 7.0
  discount[0] = 7.0
  behaviour_logits = unroll.behaviour_logits.copy()
  behaviour_logits[masked] = [-1e30, 1e30, 5.0, 1e9]
  action = unroll.action.copy()
  action[masked] = 99
  return types.NetworkOutput(policy_logits, baseline), unroll._replace(
    timestep=unroll.timestep._replace(reward=reward, discount=discount),
    behaviour_logits=behaviour_logits,
    action=action,
  )


def test_masked_transitions_add_exactly_nothing():
  config = schema.LearningConfig(max_abs_reward=0.0)
  outputs, unroll = _make_batch(6)
  garbage = _with_garbage(outputs, unroll)
  _, clean_metrics = _loss(outputs, unroll, config)
  _, metrics = _loss(*garbage, config)
  for key, value in metrics.items():
    assert value == clean_metrics[key], key

  clean_grads, _, _ = _grads(outputs, unroll, config, 0.1)
  grads, _, _ = _grads(*garbage, config, 0.1)
  np.testing.assert_array_equal(grads.baseline, clean_grads.baseline)
  np.testing.assert_array_equal(grads.policy_logits, clean_grads.policy_logits)
  assert not np.asarray(grads.policy_logits)[:-1][~_VALID].any()
  assert not np.asarray(grads.baseline)[:-1][~_VALID].any()
  assert np.asarray(grads.baseline)[:-1][_VALID].all()


def test_cut_off_episode_bootstraps_from_its_last_observation():
  """One transition into a LAST row: advantage r + gamma discount V - V_0."""
  config = schema.LearningConfig()
  for discount in (0.0, 1.0):
    unroll = types.Unroll(
      timestep=types.TimeStep(
        observation=np.zeros((4, 1, 1, 1, 1), np.uint8),
        reward=np.array([[0], [0.5], [0], [1]], np.float32),
        discount=np.array([[1], [discount], [1], [1]], np.float32),
        step_type=np.array([[_MID], [_LAST], [_FIRST], [_MID]], np.int8),
      ),
      action=np.zeros((3, 1), np.int32),
      behaviour_logits=np.zeros((3, 1, 2), np.float32),
      agent_state=types.AgentState((), np.zeros(1, np.int32)),
    )
    baseline = np.array([[3.0], [10.0], [-100.0], [50.0]], np.float32)
    logits = np.zeros((4, 1, 2), np.float32)
    outputs = types.NetworkOutput(logits, baseline)
    grads, _, _ = _grads(outputs, unroll, config)
    # The score of the taken action is 1 - 1/2.
    np.testing.assert_allclose(
      grads.policy_logits[0, 0, 0],
      -0.5 * (0.5 + 0.99 * discount * 10.0 - 3.0),
      rtol=1e-6,
    )


def test_no_valid_transition_gives_zero_and_no_nan():
  outputs, unroll = _make_batch(7)
  timestep = unroll.timestep._replace(step_type=np.full_like(_STEP_TYPES, 0))
  loss, metrics = _loss(
    outputs, unroll._replace(timestep=timestep), schema.LearningConfig()
  )
  assert loss == 0.0
  assert not any(metrics.values())


def test_rows_that_do_not_fit_are_refused():
  outputs, unroll = _make_batch(8)
  short = types.NetworkOutput(outputs.policy_logits, outputs.baseline[:-1])
  with pytest.raises(ValueError, match=r'baseline .*\(7, 4\).*\(8, 4\)'):
    vtrace.vtrace_loss(short, unroll, schema.LearningConfig(), 0.01)
