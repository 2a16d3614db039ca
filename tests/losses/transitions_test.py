"""Alignment, refusals and the metrics all losses share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.algorithms import base
from attn_agents.losses import transitions
from tests.losses import batches, episodes

_VALID = batches.VALID

# Compiled whole: one by one, their operations take many times as long.
_from_unroll = jax.jit(transitions.from_unroll, static_argnames='config')
_make_metrics = jax.jit(transitions.make_metrics)


@jax.jit
def _policy_terms(logits, action, behaviour_logits):
  behaviour = transitions.log_prob(behaviour_logits, action)
  return behaviour, transitions.policy_terms(logits, action, behaviour)


def test_transitions_are_aligned_as_types_says():
  config = base.LearningConfig(discount=0.9, max_abs_reward=1.5)
  outputs, unroll = batches.make_batch(0)
  steps = _from_unroll(*batches.with_garbage(outputs, unroll), config)
  for t in range(batches.T):
    for b in range(batches.B):
      got = [np.asarray(field)[t, b] for field in steps]
      if batches.STEP_TYPES[t + 1, b] == types.StepType.FIRST:
        assert not got[0].any()
        assert not got[1].any()
        assert got[2] == got[6] == got[7] == 0
        # The reward is the value itself.
        assert got[5] == got[3]
      else:
        np.testing.assert_array_equal(got[0], outputs.policy_logits[t, b])
        np.testing.assert_array_equal(got[1], unroll.behaviour_logits[t, b])
        assert got[2] == unroll.action[t, b]
        assert got[3] == outputs.baseline[t, b]
        if batches.DISCOUNTS[t + 1, b]:
          assert got[4] == outputs.baseline[t + 1, b]
        reward = unroll.timestep.reward[t + 1, b]
        assert got[5] == max(-1.5, min(1.5, reward))
        assert got[6] == np.float32(0.9) * batches.DISCOUNTS[t + 1, b]
        assert got[7] == 1
  assert steps.weight.dtype == jnp.float32
  assert steps.action.dtype == jnp.int32


@pytest.mark.parametrize('short', ['baseline', 'policy_logits', 'reward'])
def test_rows_that_do_not_fit_are_refused(short):
  outputs, unroll = batches.make_batch(8)
  if short == 'reward':
    timestep = unroll.timestep._replace(reward=unroll.timestep.reward[:-1])
    unroll = unroll._replace(timestep=timestep)
  else:
    outputs = outputs._replace(**{short: getattr(outputs, short)[:-1]})
  with pytest.raises(ValueError, match=rf'{short} .*\(7, 4\).*\(8, 4\)'):
    transitions.from_unroll(outputs, unroll, base.LearningConfig())


def test_policy_terms():
  outputs, unroll = batches.make_batch(1)
  logits = 30 * outputs.policy_logits[:-1]
  log_pi, log_mu = (
    episodes.taken(episodes.log_softmax(x), unroll.action)
    for x in (logits, unroll.behaviour_logits)
  )
  behaviour, policy = _policy_terms(
    logits, unroll.action, unroll.behaviour_logits
  )
  np.testing.assert_allclose(behaviour, log_mu, rtol=1e-5)
  np.testing.assert_allclose(policy.log_prob, log_pi, rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(policy.log_ratio, log_pi - log_mu, rtol=1e-4)
  np.testing.assert_allclose(
    policy.entropy, episodes.entropy(logits), rtol=1e-5, atol=1e-6
  )


def test_metrics_of_two_policies_by_hand():
  """mu = (1/2, 1/2); pi = (1/4, 3/4) at both steps; each action once."""
  log_pi = np.log(np.array([0.25, 0.75, 7.0], np.float32))
  log_mu = np.log(np.array([0.5, 0.5, 3.0], np.float32))
  policy = transitions.PolicyTerms(
    log_pi, log_pi - log_mu, np.array([0.1, 0.3, 100.0], np.float32)
  )
  sums = {name: np.float32(i) for i, name in enumerate('abc')}
  metrics = _make_metrics(
    sums,
    policy,
    np.array([1.0, 5.0, -90.0], np.float32),
    np.array([1.0, 1.0, 0.0], np.float32),
    mine=np.array([2.0, 4.0, 900.0], np.float32),
  )
  batches.assert_metrics(
    metrics,
    {
      'a': 0,
      'b': 1,
      'c': 2,
      'num_transitions': 2,
      'entropy': 0.2,
      'baseline_mean': 3.0,
      # 1 - total variation, which is 1/4, when each action is taken as often
      # as mu takes it.
      'rho_mean': 0.75,
      'approx_kl': (np.log(0.5) ** 2 + np.log(1.5) ** 2) / 4,
      'mine': 3.0,
    },
  )


def test_approximate_divergence_is_close_to_the_true_one():
  rng = np.random.default_rng(0)
  mu = rng.normal(size=(1, 5)).astype(np.float32)
  pi = mu + 0.03 * rng.normal(size=mu.shape).astype(np.float32)
  log_mu, log_pi = episodes.log_softmax(mu), episodes.log_softmax(pi)
  divergence = (np.exp(log_mu) * (log_mu - log_pi)).sum()
  # All actions, weighted as mu takes them.
  actions = np.arange(5)
  _, policy = _policy_terms(
    np.repeat(pi, 5, axis=0), actions, np.repeat(mu, 5, axis=0)
  )
  weight = np.exp(log_mu)[0].astype(np.float32)
  metrics = _make_metrics({}, policy, weight, weight)
  np.testing.assert_allclose(metrics['approx_kl'], divergence, rtol=0.05)


def test_summed_metrics_do_not_depend_on_the_count():
  """Two batches put together: sums add up, means are weighted."""
  outputs, unroll = batches.make_batch(3)
  _, policy = _policy_terms(
    outputs.policy_logits[:-1], unroll.action, unroll.behaviour_logits
  )
  policy = jax.device_get(policy)
  weight = _VALID.astype(np.float32)
  metrics = _make_metrics({}, policy, outputs.baseline[:-1], weight)
  halves = [
    _make_metrics(
      {},
      transitions.PolicyTerms(*(x[:, at] for x in policy)),
      outputs.baseline[:-1][:, at],
      weight[:, at],
    )
    for at in (slice(0, 1), slice(1, None))
  ]
  counts = [x['num_transitions'] for x in halves]
  assert counts[0] != counts[1]
  for name, value in metrics.items():
    parts = [x[name] for x in halves]
    if name in transitions.SUMMED_METRICS:
      expected = sum(parts)
    else:
      expected = np.average(parts, weights=counts)
    np.testing.assert_allclose(value, expected, rtol=1e-5, err_msg=name)
