"""PPO's targets and the normalisation of its advantages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.algorithms import ppo as ppo_lib
from attn_agents.losses import ppo
from tests.losses import batches, episodes, returns_reference

_VALID = batches.VALID
_CONFIG = ppo_lib.PPOConfig(gae_lambda=0.8)


def test_targets_match_their_definitions():
  outputs, unroll = batches.make_batch(0)
  with jax.numpy_rank_promotion('raise'):
    targets = ppo.targets(
      *batches.with_garbage(outputs, unroll), _CONFIG
    )  # fmt: skip
  advantage = returns_reference.gae(outputs, unroll, _CONFIG, 0.8)
  log_mu = episodes.taken(
    episodes.log_softmax(unroll.behaviour_logits), unroll.action
  )
  expected = {
    'action': unroll.action,
    'log_prob': log_mu,
    'behaviour_log_prob': log_mu,
    'baseline': outputs.baseline[:-1],
    'advantage': advantage,
    'importance': np.ones(_VALID.shape),
    'value_target': advantage + outputs.baseline[:-1],
    'weight': np.ones(_VALID.shape),
  }
  batches.assert_targets(targets, expected)


def test_targets_are_constants_to_the_gradient():
  outputs, unroll = batches.make_batch(1)

  def total(outputs, behaviour_logits):
    changed = unroll._replace(behaviour_logits=behaviour_logits)
    targets = ppo.targets(outputs, changed, _CONFIG)
    return sum(jnp.sum(x.astype(jnp.float32)) for x in targets)

  grads = jax.grad(total, argnums=(0, 1))(
    jax.tree.map(jnp.asarray, outputs), jnp.asarray(unroll.behaviour_logits)
  )
  assert not any(np.asarray(x).any() for x in jax.tree.leaves(grads))


def _make_targets(seed, *shape):
  rng = np.random.default_rng(seed)
  weight = (rng.uniform(size=shape) < 0.7).astype(np.float32)
  advantage = (3 + 2 * rng.normal(size=shape)).astype(np.float32)
  # Different everywhere, to see that no other field changes.
  others = np.arange(6 * advantage.size, dtype=np.float32)
  action, log_prob, behaviour, baseline, importance, target = others.reshape(
    6, *shape
  )
  return ppo.Targets(
    action, log_prob, behaviour, baseline, advantage, importance, target, weight
  )


def _normalized(targets):
  """NumPy's mean and deviation of the valid ones, as baselines."""
  valid = targets.weight > 0
  x = targets.advantage[valid].astype(np.float64)
  expected = np.zeros(valid.shape)
  expected[valid] = (x - x.mean()) / (x.std() + 1e-8)
  return expected


def test_advantages_are_normalized_over_valid_transitions():
  targets = _make_targets(0, 5, 6)
  masked = targets.weight == 0
  assert 0 < masked.sum() < masked.size
  advantage = np.where(masked, np.float32(np.inf), targets.advantage)
  with jax.numpy_rank_promotion('raise'):
    made = ppo.normalize_advantages(targets._replace(advantage=advantage))
  np.testing.assert_allclose(made.advantage, _normalized(targets), atol=1e-5)
  assert not np.asarray(made.advantage)[masked].any()
  for name in set(targets._fields) - {'advantage'}:
    assert getattr(made, name) is getattr(targets, name)


def test_devices_share_mean_and_deviation():
  targets = _make_targets(1, 3, 7)
  counts = targets.weight.sum(axis=1)
  assert len(set(counts)) > 1
  made = jax.vmap(
    lambda x: ppo.normalize_advantages(x, 'devices'), axis_name='devices'
  )(targets)
  np.testing.assert_allclose(made.advantage, _normalized(targets), atol=1e-5)
  alone = jax.vmap(ppo.normalize_advantages)(targets)
  assert np.abs(alone.advantage - made.advantage).max() > 0.1


@pytest.mark.parametrize('weight', [0.0, 1.0])
def test_nothing_to_divide_by_gives_zero(weight):
  """No valid transition, or all advantages the same."""
  targets = _make_targets(2, 8)
  targets = targets._replace(
    advantage=np.full(8, 0.5, np.float32), weight=np.full(8, weight, np.float32)
  )
  assert not np.asarray(ppo.normalize_advantages(targets).advantage).any()


def test_deviation_is_not_the_only_divisor():
  """Advantages of deviation 1e-8 come out at half of deviation 1."""
  advantage = np.array([1e-8, -1e-8], np.float32)
  targets = ppo.Targets(*[advantage] * 7, np.ones(2, np.float32))
  made = ppo.normalize_advantages(targets)
  np.testing.assert_allclose(made.advantage, [0.5, -0.5], rtol=1e-5)
