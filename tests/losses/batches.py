"""Batches with every kind of episode end, and losses evaluated on them."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types

_FIRST, _MID, _LAST = types.StepType
# Columns: a lost life that is no end; termination; truncation; ends at both
# edges of the unroll.
STEP_TYPES = np.array(
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
DISCOUNTS = np.ones(STEP_TYPES.shape, np.float32)
DISCOUNTS[:, 1][STEP_TYPES[:, 1] == _LAST] = 0.0
DISCOUNTS[0, 3] = 0.0
# `zero_discount_on_life_loss`.
DISCOUNTS[4, 0] = 0.0
T, B, A = STEP_TYPES.shape[0] - 1, STEP_TYPES.shape[1], 4
VALID = STEP_TYPES[1:] != _FIRST


def make_batch(seed):
  rng = np.random.default_rng(seed)

  def normal(*shape, scale=1.0):
    return (scale * rng.normal(size=shape)).astype(np.float32)

  outputs = types.NetworkOutput(
    policy_logits=normal(T + 1, B, A), baseline=normal(T + 1, B)
  )
  unroll = types.Unroll(
    timestep=types.TimeStep(
      observation=np.zeros((T + 1, B, 1, 1, 1), np.uint8),
      reward=normal(T + 1, B, scale=2.0),
      discount=DISCOUNTS,
      step_type=STEP_TYPES,
    ),
    action=rng.integers(A, size=(T, B), dtype=np.int32),
    behaviour_logits=normal(T, B, A),
    agent_state=types.AgentState((), np.zeros(B, np.int32)),
  )
  return outputs, unroll


def on_policy(outputs, unroll):
  """The same actions, taken by the policy of `outputs`."""
  return unroll._replace(behaviour_logits=outputs.policy_logits[:-1])


def with_garbage(outputs, unroll):
  """Puts values a leak cannot hide into all that belongs to masked steps."""
  masked = ~VALID
  policy_logits = outputs.policy_logits.copy()
  policy_logits[:-1][masked] = [np.inf, -np.inf, np.nan, 1e30]
  baseline = outputs.baseline.copy()
  # Finite, since the value at LAST is one the network really gives.
  terminated = (STEP_TYPES == _LAST) & (DISCOUNTS == 0.0)
  baseline[terminated] = 1e30
  reward = unroll.timestep.reward.copy()
  reward[1:][masked] = np.nan
  reward[0] = -np.inf
  discount = unroll.timestep.discount.copy()
  discount[1:][masked] = np.inf
  discount[0] = np.nan
  behaviour_logits = unroll.behaviour_logits.copy()
  behaviour_logits[masked] = [-np.inf, np.inf, 5.0, np.nan]
  action = unroll.action.copy()
  action[masked] = 99
  return types.NetworkOutput(policy_logits, baseline), unroll._replace(
    timestep=unroll.timestep._replace(reward=reward, discount=discount),
    behaviour_logits=behaviour_logits,
    action=action,
  )


def without_valid_steps(unroll):
  step_type = np.full_like(STEP_TYPES, _FIRST)
  return unroll._replace(timestep=unroll.timestep._replace(step_type=step_type))


def single_step(discount):
  """One transition MID -> LAST, then a masked one and one of the next episode.

  The advantage of the first is 0.5 + 0.99 discount 10 - 3 at gamma 0.99.
  """
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
  return types.NetworkOutput(np.zeros((4, 1, 2), np.float32), baseline), unroll


class Evaluation(NamedTuple):
  """A loss, its metrics and its gradients in all that is real-valued."""

  loss: Any
  metrics: Any
  outputs_grad: Any
  behaviour_grad: Any
  reward_grad: Any


@functools.cache
def _compiled(loss_fn, config):
  def loss(outputs, behaviour_logits, reward, unroll, entropy_cost):
    changed = unroll._replace(
      timestep=unroll.timestep._replace(reward=reward),
      behaviour_logits=behaviour_logits,
    )
    return loss_fn(outputs, changed, config, entropy_cost)

  return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))


def evaluate(loss_fn, config, outputs, unroll, entropy_cost=0.0):
  with jax.numpy_rank_promotion('raise'):
    (loss, metrics), grads = _compiled(loss_fn, config)(
      outputs,
      unroll.behaviour_logits,
      unroll.timestep.reward,
      unroll,
      jnp.float32(entropy_cost),
    )
  return Evaluation(loss, metrics, *grads)


def assert_metrics(metrics, expected, rtol=2e-5):
  assert set(metrics) == set(expected)
  for key, value in expected.items():
    np.testing.assert_allclose(
      metrics[key], value, rtol=rtol, atol=1e-6, err_msg=key
    )
    assert metrics[key].shape == ()
    assert metrics[key].dtype == jnp.float32


def assert_targets(targets, expected, atol=1e-5):
  """Fields [T, B] are as expected where valid, and harmless where masked."""
  assert set(expected) == set(targets._fields)
  for name, value in expected.items():
    got = np.asarray(getattr(targets, name))
    np.testing.assert_allclose(
      got[VALID], value[VALID], rtol=1e-4, atol=atol, err_msg=name
    )
    assert got.shape == VALID.shape
    assert got.dtype == (np.int32 if name == 'action' else np.float32)
    assert np.isfinite(got).all()
  for got in (targets.action, targets.advantage, targets.weight):
    assert not np.asarray(got)[~VALID].any()


def assert_garbage_is_invisible(loss_fn, config, seed):
  """Losses, metrics and gradients must be equal to the last bit."""
  outputs, unroll = make_batch(seed)
  clean = evaluate(loss_fn, config, outputs, unroll, 0.1)
  dirty = evaluate(loss_fn, config, *with_garbage(outputs, unroll), 0.1)
  assert dirty.loss == clean.loss
  for key, value in dirty.metrics.items():
    assert value == clean.metrics[key], key
  jax.tree.map(
    np.testing.assert_array_equal, dirty.outputs_grad, clean.outputs_grad
  )
  logits_grad, baseline_grad, _ = jax.device_get(dirty.outputs_grad)
  assert not logits_grad[:-1][~VALID].any()
  assert not baseline_grad[:-1][~VALID].any()
  assert not logits_grad[-1].any()
  assert not baseline_grad[-1].any()
  assert baseline_grad[:-1][VALID].all()
  assert logits_grad[:-1][VALID].all()
