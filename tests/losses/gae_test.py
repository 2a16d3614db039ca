"""GAE against the double sum of its definition, its limits, and rlax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rlax

from attn_agents.algorithms import ppo
from attn_agents.losses import gae, transitions
from tests.losses import batches, returns_reference

_VALID = batches.VALID
_CONFIG = ppo.PPOConfig(discount=0.97)


@jax.jit
def _advantages(outputs, unroll, gae_lambda):
  with jax.numpy_rank_promotion('raise'):
    steps = transitions.from_unroll(outputs, unroll, _CONFIG)
    return gae.advantages(steps, gae_lambda)


@pytest.mark.parametrize('gae_lambda', [0.0, 0.6, 0.95, 1.0])
@pytest.mark.parametrize('seed', [0, 1])
def test_advantages_match_the_double_sum(gae_lambda, seed):
  outputs, unroll = batches.make_batch(seed)
  expected = returns_reference.gae(outputs, unroll, _CONFIG, gae_lambda)
  assert (expected != 0.0).sum() == _VALID.sum() < _VALID.size
  advantages = _advantages(outputs, unroll, gae_lambda)
  np.testing.assert_allclose(advantages, expected, rtol=1e-4, atol=1e-5)
  assert advantages.dtype == jnp.float32


def test_lambda_one_is_the_return_less_the_value():
  outputs, unroll = batches.make_batch(2)
  expected = returns_reference.n_step(outputs, unroll, _CONFIG)
  expected -= outputs.baseline[:-1]
  advantages = _advantages(outputs, unroll, 1.0)
  np.testing.assert_allclose(advantages, expected * _VALID, atol=1e-5)


def test_agrees_with_rlax_on_an_episode_of_its_own():
  """Column 1 has a termination between two pieces of one episode each."""
  outputs, unroll = batches.make_batch(3)
  advantages = _advantages(outputs, unroll, 0.9)
  reward = np.clip(unroll.timestep.reward[:, 1], -1, 1)
  discount = np.float32(0.97) * batches.DISCOUNTS[:, 1]
  for start, last in ((0, 2), (3, 6)):
    steps = slice(start + 1, last + 1)
    estimates = rlax.truncated_generalized_advantage_estimation(
      jnp.asarray(reward[steps]),
      jnp.asarray(discount[steps]),
      0.9,
      jnp.asarray(outputs.baseline[start : last + 1, 1]),
    )
    np.testing.assert_allclose(
      advantages[start:last, 1], estimates, rtol=1e-5, atol=1e-6
    )


def test_masked_steps_give_zero_and_stop_the_sum():
  outputs, unroll = batches.make_batch(4)
  clean = np.asarray(_advantages(outputs, unroll, 0.95))
  dirty = _advantages(*batches.with_garbage(outputs, unroll), 0.95)
  np.testing.assert_array_equal(dirty, clean)
  assert not clean[~_VALID].any()


def test_advantages_are_constants_to_the_gradient():
  outputs, unroll = batches.make_batch(5)

  def total(outputs):
    return jnp.sum(_advantages(outputs, unroll, 0.95))

  grads = jax.grad(total)(jax.tree.map(jnp.asarray, outputs))
  assert not any(np.asarray(x).any() for x in grads)
