"""Q-learning's loss against loops, and REINFORCE against an expectation."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.algorithms import q_learning
from attn_agents.losses import q_learning as loss_lib
from attn_agents.networks import factory
from configs import agents, schema
from tests.losses import batches
from tests.networks import tiny

_CONFIG = q_learning.QLearningConfig(discount=0.9, batch_size=batches.B)
_T, _B, _A = batches.T, batches.B, batches.A
_VALID = batches.VALID


def _make(seed, hard=False):
  """Outputs on rows 0..T-1, the target's on 1..T, and the batch."""
  rng = np.random.default_rng(seed)

  def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)

  extras = types.Glimpse(normal(_T, _B), (normal(_T, _B) > 0).astype('f'))
  outputs = types.NetworkOutput(
    2 * normal(_T, _B, _A), normal(_T, _B), extras if hard else ()
  )
  target = types.NetworkOutput(2 * normal(_T, _B, _A), normal(_T, _B))
  batch = types.ReplayBatch(
    timestep=types.TimeStep(
      observation=np.zeros((_T + 1, _B, 1, 1, 1), np.uint8),
      reward=2 * normal(_T + 1, _B),
      discount=batches.DISCOUNTS,
      step_type=batches.STEP_TYPES,
    ),
    action=rng.integers(_A, size=(_T, _B), dtype=np.int32),
    new_steps=np.int32(0),
  )
  return outputs, target, batch


def _reference(outputs, target, batch, config):
  """By the definition, one transition at a time; gradients in closed form."""
  q = np.asarray(outputs.policy_logits, np.float64)
  loss, errors = 0.0, np.zeros((_T, _B))
  q_grad, targets = np.zeros_like(q), np.zeros((_T, _B))
  for t in range(_T):
    for b in range(_B):
      if batch.timestep.step_type[t + 1, b] == types.StepType.FIRST:
        continue
      reward = np.clip(batch.timestep.reward[t + 1, b], -1, 1)
      best = max(target.policy_logits[t, b])
      ended = batch.timestep.discount[t + 1, b]
      targets[t, b] = reward + config.discount * ended * best
      error = errors[t, b] = targets[t, b] - q[t, b, batch.action[t, b]]
      bound = config.max_abs_td_error
      if bound and abs(error) > bound:
        loss += bound * abs(error) - bound**2 / 2
        q_grad[t, b, batch.action[t, b]] = -np.sign(error) * bound
      else:
        loss += error**2 / 2
        q_grad[t, b, batch.action[t, b]] = -error
  return loss, errors, q_grad, targets


@functools.partial(jax.jit, static_argnames='config')
def _evaluate(outputs, target, batch, config):
  def loss(outputs, target):
    return loss_lib.q_learning_loss(outputs, target, batch, config)

  with jax.numpy_rank_promotion('raise'):
    return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
      outputs, target
    )


@pytest.mark.parametrize('bound', [1.0, 0.0])
@pytest.mark.parametrize('seed', range(3))
def test_loss_and_gradient_are_those_of_the_definition(seed, bound):
  config = dataclasses.replace(_CONFIG, max_abs_td_error=bound)
  made = _make(seed)
  (loss, metrics), (grads, target_grads) = _evaluate(*made, config)
  expected, errors, q_grad, _ = _reference(*made, config)
  assert bound == 0 or ((abs(errors) > 1).any() and (abs(errors) < 1).any())
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  np.testing.assert_allclose(grads.policy_logits, q_grad, atol=1e-5)
  # Nothing goes into the target network.
  assert not any(np.any(x) for x in jax.tree.leaves(target_grads))
  count = _VALID.sum()
  assert metrics['num_transitions'] == count
  np.testing.assert_allclose(
    metrics['td_error'], abs(errors).sum() / count, rtol=1e-5
  )
  best = made[0].policy_logits.max(-1)
  np.testing.assert_allclose(
    metrics['q_mean'], best[_VALID].sum() / count, rtol=1e-4
  )
  assert 'pg_loss' not in metrics


@pytest.mark.parametrize('hard', [False, True])
def test_garbage_at_masked_transitions_is_invisible(hard):
  outputs, target, batch = _make(0, hard)
  masked = ~_VALID
  clean = _evaluate(outputs, target, batch, _CONFIG)
  values, bootstrap = (
    x.policy_logits.copy() for x in (outputs, target)
  )  # fmt: skip
  values[masked], bootstrap[masked] = np.nan, np.inf
  reward, action = batch.timestep.reward.copy(), batch.action.copy()
  reward[1:][masked], action[masked] = np.nan, 99
  extras = outputs.extras
  if hard:
    log_prob = extras.log_prob.copy()
    log_prob[masked] = np.inf
    extras = extras._replace(log_prob=log_prob)
  baseline = outputs.baseline.copy()
  baseline[masked] = np.nan
  dirty = _evaluate(
    types.NetworkOutput(values, baseline, extras),
    target._replace(policy_logits=bootstrap),
    batch._replace(
      timestep=batch.timestep._replace(reward=reward), action=action
    ),
    _CONFIG,
  )
  for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(dirty), strict=True):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('legacy', [False, True])
def test_hard_attention_adds_reinforce_and_its_baselines_error(legacy):
  config = dataclasses.replace(_CONFIG, legacy_sign=legacy)
  made = _make(1, hard=True)
  (loss, metrics), (grads, _) = _evaluate(*made, config)
  outputs = made[0]
  expected, _, q_grad, targets = _reference(*made, config)
  advantage = np.where(_VALID, targets - outputs.baseline, 0.0)
  drawn = outputs.extras.drawn
  # The paper's words: what led to more than expected becomes likelier.
  wanted = -0.1 * advantage * drawn * (-1 if legacy else 1)
  np.testing.assert_allclose(grads.extras.log_prob, wanted, atol=1e-5)
  pg_loss = np.sum(wanted * outputs.extras.log_prob)
  np.testing.assert_allclose(metrics['pg_loss'], pg_loss, rtol=1e-4)
  # The mean over the batch of squares, and nothing of REINFORCE, moves G.
  np.testing.assert_allclose(grads.baseline, -2 * advantage / _B, atol=1e-5)
  np.testing.assert_allclose(
    metrics['baseline_loss'], np.sum(advantage**2) / _B, rtol=1e-4
  )
  np.testing.assert_allclose(grads.policy_logits, q_grad, atol=1e-5)
  np.testing.assert_allclose(
    loss, expected + metrics['pg_loss'] + metrics['baseline_loss'], rtol=1e-4
  )


def test_rows_that_do_not_fit_together_are_refused():
  outputs, target, batch = _make(0)
  short = jax.tree.map(lambda x: x[1:], target)
  with pytest.raises(ValueError, match='target values has leading axes'):
    loss_lib.q_learning_loss(outputs, short, batch, _CONFIG)


_FRAMES = schema.EnvironmentConfig(height=18, width=18, grayscale=True)
_CELLS = 49


def _hard_agent():
  config = agents.make('darqn_hard', 'small')
  config = dataclasses.replace(
    config,
    environment=_FRAMES,
    network=dataclasses.replace(
      config.network, conv_channels=(3, 4), conv_kernels=(4, 3),
      conv_strides=(2, 1), attention_size=5, lstm_size=6, soft_share=0.0,
    ),
  )  # fmt: skip
  network = factory.make_network(config, 3)
  params = tiny.random_params(network, (18, 18, 1))
  # So that weights and what is expected differ by location.
  params['core']['score'] = jax.tree.map(
    lambda x: 4 * x, params['core']['score']
  )
  params['baseline'] = jax.tree.map(lambda x: 20 * x, params['baseline'])
  return network, params


def test_reinforce_is_an_unbiased_estimate_of_the_exact_gradient():
  """Over all 49 locations: sum p(i) (Y - G(i)) grad log p(i)."""
  network, params = _hard_agent()
  config = dataclasses.replace(
    _CONFIG, batch_size=1, reinforce_cost=1.0, sequence_length=1
  )
  observation = np.random.default_rng(0).integers(
    256, size=(2, 1, 18, 18, 1), dtype=np.uint8
  )
  target = 0.7

  draws, rounds = 500, 24

  def losses(params, key):
    """REINFORCE's loss of N draws of the same row."""
    inputs = types.NetworkInput(
      np.repeat(observation[:1], draws, axis=1),
      np.zeros((1, draws), np.float32), np.zeros((1, draws), np.int32),
      np.ones((1, draws), bool),
    )  # fmt: skip
    (outputs, _), sown = network.apply(
      {'params': params}, inputs, network.initial_state(draws),
      rngs={'glimpse': key}, mutable=['intermediates'],
    )  # fmt: skip
    batch = types.ReplayBatch(
      types.TimeStep(
        np.zeros((2, draws, 1, 1, 1), np.uint8),
        np.full((2, draws), target, np.float32),
        np.zeros((2, draws), np.float32), np.ones((2, draws), np.int8),
      ),
      np.zeros((1, draws), np.int32), np.int32(0),
    )  # fmt: skip
    _, metrics = loss_lib.q_learning_loss(outputs, outputs, batch, config)
    (weights,), (location,) = (
      sown['intermediates'][name] for name in ('attention', 'location')
    )
    return metrics['pg_loss'], (outputs, weights, location)

  # Of many draws: the mean of the estimates, and how far they spread.
  estimate = jax.jit(jax.grad(losses, has_aux=True))
  found, seen = [], {}
  for round_ in range(rounds):
    grads, (outputs, weights, location) = estimate(
      params, jax.random.key(round_)
    )
    found.append(
      np.concatenate([np.ravel(x) / draws for x in jax.tree.leaves(grads)])
    )
    index = np.argmax(location.reshape(draws, _CELLS), axis=-1)
    for i, baseline in zip(index, outputs.baseline[0], strict=True):
      seen[int(i)] = float(baseline)
  found = np.stack(found)
  mean, error = found.mean(0), found.std(0, ddof=1) / rounds**0.5

  flat = np.asarray(weights[0, 0, 0]).reshape(-1)
  assert weights.shape[-2] * weights.shape[-1] == _CELLS

  def log_probs(params):
    inputs = types.NetworkInput(
      observation[:1], np.zeros((1, 1), 'f'), np.zeros((1, 1), np.int32),
      np.ones((1, 1), bool),
    )  # fmt: skip
    _, sown = network.apply(
      {'params': params}, inputs, network.initial_state(1),
      mutable=['intermediates'],
    )  # fmt: skip
    (maps,) = sown['intermediates']['attention']
    probs = maps.reshape(-1) + 1e-5
    return jnp.log(probs / probs.sum())

  # Locations that were never drawn weigh next to nothing.
  assert flat[[i for i in range(_CELLS) if i not in seen]].sum() < 2e-3
  advantage = np.array(
    [target - seen.get(i, 0.0) if i in seen else 0.0 for i in range(_CELLS)]
  )

  @jax.jit
  def weighted(params, weights):
    return jax.vjp(log_probs, params)[1](weights)[0]

  exact = weighted(params, jnp.asarray(-flat * advantage, jnp.float32))
  exact = np.concatenate([np.ravel(x) for x in jax.tree.leaves(exact)])
  moved = error > 1e-7
  assert moved.sum() > 50
  z = (mean - exact)[moved] / error[moved]
  assert np.abs(z).max() < 6
  assert np.sqrt(np.mean(z**2)) < 1.6
  # And there was something to be found.
  assert np.linalg.norm(exact) > 5 * np.linalg.norm(error)


def test_an_agent_draws_by_its_key_only():
  network, params = _hard_agent()
  agent = agent_lib.Agent(network, (18, 18, 1))
  rng = np.random.default_rng(0)
  timestep = types.TimeStep(
    rng.integers(256, size=(64, 18, 18, 1), dtype=np.uint8),
    np.zeros(64, np.float32), np.ones(64, np.float32), np.ones(64, np.int8),
  )  # fmt: skip
  state = agent.initial_state(64)

  def values(seed):
    key = jax.random.key(seed)
    return agent.step(params, key, timestep, state)[0].policy_logits

  # Traced twice, so that what Python draws is not the same.
  one, other = (jax.jit(functools.partial(values)) for _ in range(2))
  np.testing.assert_array_equal(one(0), other(0))
  assert np.any(one(0) != one(1))
