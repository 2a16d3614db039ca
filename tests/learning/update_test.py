"""The update on one and on two devices.

Run as a program, this file saves what `_run` gives on all devices there are:
the number of CPU devices is fixed when JAX starts.
"""

import dataclasses
import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attn_agents.algorithms import a2c, proximal, registry
from attn_agents.algorithms import vtrace as vtrace_lib
from attn_agents.learning import (
  batching,
  gradient_step,
  optimizers,
  train_state,
)
from attn_agents.losses import vtrace
from configs import schema
from configs.agents import s3ta
from tests.learning import linear, two_devices

_CONFIG = schema.Config(
  agent='linear',
  preset='small',
  network=s3ta.S3TAConfig(),
  algorithm='vtrace',
  learning=vtrace_lib.VTraceConfig(unroll_length=linear.T, batch_size=linear.B),
  optimizer=schema.OptimizerConfig(learning_rate=0.01, clip_threshold=9.0),
)
_LIKE_BASELINES = dataclasses.replace(
  _CONFIG,
  algorithm='a2c',
  learning=a2c.A2CConfig(unroll_length=linear.T, batch_size=linear.B),
  optimizer=schema.OptimizerConfig(
    learning_rate=0.01, clip_threshold=0.5, anneal_frames=10 * 4 * 19
  ),
)


def _of(name):
  """A policy's algorithm with its own section, and baselines' schedule."""
  section = registry.get(name).section_class
  sizes = {'unroll_length': linear.T, 'batch_size': linear.B}
  optimizer = _LIKE_BASELINES.optimizer
  if issubclass(section, proximal.ProximalConfig):
    # In one part, because devices choose the parts each for themselves.
    sizes['num_minibatches'] = 1
    optimizer = dataclasses.replace(optimizer, name='adam')
  return dataclasses.replace(
    _LIKE_BASELINES,
    algorithm=name,
    learning=section(**sizes),
    optimizer=optimizer,
  )


_CONFIGS = {name: _of(name) for name in registry.names_for('policy')} | {
  'vtrace': _CONFIG
}


@functools.cache
def _compiled(config):
  """One device's update and its agent."""
  agent = linear.LinearAgent()
  return registry.get(config.algorithm).make_update(
    agent, config, jax.devices()[:1]
  ), agent


def _start(config):
  """One device's update and a new state."""
  step, agent = _compiled(config)
  state = train_state.init_state(agent, config, jax.random.key(0))
  return step, train_state.replicate(state, jax.devices()[:1])


def _run_all(devices):
  """Results of all algorithms, each key headed by the algorithm."""
  return {
    f'{algorithm}_{key}': value
    for algorithm, config in _CONFIGS.items()
    for key, value in _run(config, devices).items()
  }


def _run(config, devices, num_updates=4):
  """Returns parameters, mean squares and metrics after several updates."""
  agent = linear.LinearAgent()
  state = train_state.init_state(agent, config, jax.random.key(0))
  state = train_state.replicate(state, devices)
  step = registry.get(config.algorithm).make_update(agent, config, devices)
  result = {}
  for i in range(num_updates):
    state, metrics = step(
      state, batching.shard(linear.make_unroll(i), len(devices))
    )
    result |= {f'{k}_{i}': np.asarray(v) for k, v in metrics.items()}
  # Every device must hold the same.
  for leaf in jax.tree.leaves(state):
    copies = np.asarray(leaf)
    assert copies.shape[0] == len(devices)
    np.testing.assert_array_equal(
      copies, np.broadcast_to(copies[0], copies.shape)
    )
  leaves = jax.tree.leaves(train_state.unreplicate(state))
  return result | {f'leaf_{i}': x for i, x in enumerate(leaves)}


def test_two_devices_make_the_update_of_one(tmp_path):
  path = tmp_path / 'two.npz'
  two_devices.run('-m', 'tests.learning.update_test', str(path))
  two = np.load(path)
  one = _run_all(jax.devices()[:1])
  assert two['num_devices'] == 2
  assert set(two) - {'num_devices'} == set(one)
  # The batch is uneven, and the clip works in some updates and not in others.
  for algorithm in _CONFIGS:
    assert one[f'{algorithm}_num_transitions_0'] == linear.T * linear.B - 1
  assert 0 < sum(one[f'vtrace_clipped_{i}'] for i in range(4)) < 4
  for key, value in one.items():
    np.testing.assert_allclose(
      two[key], value, rtol=1e-5, atol=1e-6, err_msg=key
    )


@pytest.mark.parametrize('clip', ['global_norm', 'value'])
def test_update_is_a_tf1_rmsprop_step_down_the_summed_loss(clip):
  threshold = {'global_norm': 2.0, 'value': 0.5}[clip]
  config = dataclasses.replace(
    _CONFIG,
    optimizer=dataclasses.replace(
      _CONFIG.optimizer, clip=clip, clip_threshold=threshold
    ),
  )
  agent, unroll = linear.LinearAgent(), linear.make_unroll(0)
  step, state = _start(config)
  params = train_state.unreplicate(state).params

  def loss(params):
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    return vtrace.vtrace_loss(outputs, unroll, config.learning, 0.01)[0]

  grads = jax.device_get(jax.grad(loss)(params))
  norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
  size = sum(g.size for g in grads.values())
  beyond = sum((np.abs(g) > threshold).sum() for g in grads.values()) / size
  assert norm > 2.0
  assert 0 < beyond < 1

  state, metrics = step(state, batching.shard(unroll, 1))
  new = train_state.unreplicate(state)
  for k, g in grads.items():
    clipped = {
      'global_norm': g * threshold / norm,
      'value': np.clip(g, -threshold, threshold),
    }[clip]
    expected = params[k] - 0.01 * clipped / np.sqrt(
      0.99 + 0.01 * clipped**2 + 0.01
    )
    np.testing.assert_allclose(new.params[k], expected, rtol=1e-5, atol=1e-6)
  assert new.learner_steps == 1
  np.testing.assert_allclose(metrics['loss'], loss(params), rtol=1e-5)
  np.testing.assert_allclose(metrics['grad_norm'], norm, rtol=1e-5)
  fraction = {'global_norm': 1.0, 'value': beyond}[clip]
  np.testing.assert_allclose(metrics['clipped'], fraction, rtol=1e-6)
  assert metrics['nonfinite'] == 0.0
  assert all(value.shape == () for value in metrics.values())


def test_each_hyperparameter_acts_without_recompilation():
  step, state = _start(_CONFIG)
  _, agent = _compiled(_CONFIG)
  start = train_state.unreplicate(state)
  unroll = batching.shard(linear.make_unroll(0), 1)
  step(state, unroll)
  traces = agent.traces

  def change(**hyperparams):
    """The largest change of a parameter in one update from `start`."""
    changed = start._replace(
      hyperparams=start.hyperparams._replace(
        **{k: np.float32(v) for k, v in hyperparams.items()}
      )
    )
    new, _ = step(train_state.replicate(changed, jax.devices()[:1]), unroll)
    new = train_state.unreplicate(new)
    assert new.hyperparams == changed.hyperparams
    return new.params['policy'] - start.params['policy']

  base = change()
  assert base.any()
  np.testing.assert_allclose(
    change(learning_rate=0.02), 2 * base, rtol=1e-4, atol=1e-6
  )
  assert not change(clip_threshold=0.0).any()
  assert np.abs(change(epsilon=99.0)).max() < np.abs(base).max() / 9
  assert np.abs(change(entropy_cost=5.0) - base).max() > 1e-3
  assert agent.traces == traces


def test_a_mean_is_the_sum_over_the_number_of_transitions():
  """To the optimiser, all else equal: RMSProp would hide a factor."""
  results = {}
  for reduction in ('sum', 'mean'):
    config = dataclasses.replace(
      _LIKE_BASELINES,
      learning=dataclasses.replace(
        _LIKE_BASELINES.learning, loss_reduction=reduction
      ),
    )
    step, state = _start(config)
    _, results[reduction] = step(
      state, batching.shard(linear.make_unroll(0), 1)
    )
  count = linear.T * linear.B - 1
  for name in ('loss', 'pg_loss', 'baseline_loss', 'grad_norm'):
    np.testing.assert_allclose(
      results['mean'][name] * count, results['sum'][name], rtol=1e-5
    )
  for name in ('entropy', 'baseline_mean', 'num_transitions'):
    np.testing.assert_allclose(
      results['mean'][name], results['sum'][name], rtol=1e-6
    )


def _update_twelve_times(config):
  """The learning rates, and the states before and after the last update."""
  step, state = _start(config)
  unroll = batching.shard(linear.make_unroll(0), 1)
  rates = []
  for _ in range(12):
    before = train_state.unreplicate(state)
    state, metrics = step(state, unroll)
    rates.append(float(metrics['learning_rate']))
  return rates, before, train_state.unreplicate(state)


@pytest.mark.parametrize('algorithm', ['a2c', 'ppo'])
def test_the_learning_rate_falls_linearly_to_nothing(algorithm):
  """Ten updates of 19 valid steps of 4 frames are `anneal_frames`."""
  rates, before, after = _update_twelve_times(_CONFIGS[algorithm])
  np.testing.assert_allclose(
    rates, 0.01 * np.maximum(0, 1 - np.arange(12) / 10), atol=1e-8
  )
  assert after.agent_steps == 12 * 19
  # The hyperparameter itself stays, and a rate of 0 changes nothing.
  np.testing.assert_allclose(after.hyperparams.learning_rate, 0.01)
  np.testing.assert_array_equal(after.params['policy'], before.params['policy'])


def test_the_learning_rate_falls_to_a_share_and_stays_there():
  config = _CONFIGS['a2c']
  optimizer = dataclasses.replace(config.optimizer, anneal_to=0.3)
  rates, before, after = _update_twelve_times(
    dataclasses.replace(config, optimizer=optimizer)
  )
  expected = np.interp(np.arange(12), [0, 10], [0.01, 0.003])
  np.testing.assert_allclose(rates, expected, atol=1e-8)
  changes = np.abs(after.params['policy'] - before.params['policy'])
  assert changes.max() > 1e-6


def test_nonfinite_gradient_is_reported_and_not_applied():
  step, state = _start(_CONFIG)
  state, _ = step(state, batching.shard(linear.make_unroll(0), 1))
  before = train_state.unreplicate(state)
  bad = linear.make_unroll(1)
  bad.timestep.reward[2, 1] = np.nan
  state, metrics = step(state, batching.shard(bad, 1))
  after = train_state.unreplicate(state)
  assert metrics['nonfinite'] == 1.0
  assert not np.isfinite(metrics['grad_norm'])
  assert after.learner_steps == before.learner_steps + 1
  jax.tree.map(
    np.testing.assert_array_equal,
    (after.params, after.opt_state),
    (before.params, before.opt_state),
  )
  state, metrics = step(state, batching.shard(linear.make_unroll(2), 1))
  assert metrics['nonfinite'] == 0.0
  assert (
    train_state.unreplicate(state).params['policy'] != after.params['policy']
  ).any()


_CENTRED = schema.OptimizerConfig(
  name='centred_rmsprop', learning_rate=0.01, decay=0.5, epsilon=1e-12,
  clip='value', clip_threshold=1e9,
)  # fmt: skip


@pytest.mark.parametrize('algorithm', _CONFIGS)
def test_an_update_that_is_not_finite_is_not_applied(algorithm):
  """A finite gradient whose step is beyond float32."""
  config = dataclasses.replace(
    _CONFIGS[algorithm],
    optimizer=dataclasses.replace(_CENTRED, learning_rate=3e38),
  )
  step, state = _start(config)
  nonfinite = []
  for i in range(4):
    state, metrics = step(state, batching.shard(linear.make_unroll(i), 1))
    nonfinite.append(float(metrics['nonfinite']))
    assert np.isfinite(metrics['grad_norm'])
    for leaf in jax.tree.leaves(train_state.unreplicate(state)):
      assert np.isfinite(leaf).all()
  assert any(nonfinite)


def test_a_variance_that_rounds_to_below_0_is_not_applied():
  """Centred RMSProp on one gradient again and again."""
  gradient = gradient_step.GradientStep(
    dataclasses.replace(_CONFIG, optimizer=_CENTRED)
  )
  grads = {'w': jnp.linspace(100.0, 9000.0, 2000, dtype=jnp.float32)}
  params = jax.tree.map(jnp.zeros_like, grads)
  optimizer = optimizers.make_optimizer(_CENTRED)
  opt_state = optimizer.init(params)
  plain = params
  for _ in range(40):
    updates, opt_state = optimizer.update(grads, opt_state, plain)
    plain = optax.apply_updates(plain, updates)
  assert np.isnan(plain['w']).any(), 'optax does not do what this is about'

  state = train_state.TrainState(
    params=params,
    opt_state=optimizer.init(params),
    hyperparams=train_state.Hyperparameters(
      *map(jnp.float32, (0.01, 0.0, 1e-12, 1e9))
    ),
    agent_steps=jnp.int32(0),
    learner_steps=jnp.int32(0),
  )
  apply = jax.pmap(
    lambda state: gradient.apply(
      state, grads, {'num_transitions': jnp.float32(5)}
    ),
    axis_name=train_state.AXIS,
    devices=jax.devices()[:1],
  )
  state = train_state.replicate(state, jax.devices()[:1])
  nonfinite = []
  for _ in range(40):
    state, metrics = apply(state)
    assert np.isfinite(metrics['grad_norm'])
    nonfinite.append(float(metrics['nonfinite'][0]))
    for leaf in jax.tree.leaves(train_state.unreplicate(state)):
      assert np.isfinite(leaf).all()
  assert nonfinite[0] == 0.0 and nonfinite[-1] == 1.0


def test_host_copy_survives_the_donation_of_its_state():
  step, state = _start(_CONFIG)
  snapshot = train_state.unreplicate(state)
  values = jax.tree.map(np.copy, snapshot)
  for i in range(3):
    state, _ = step(state, batching.shard(linear.make_unroll(i), 1))
  jax.tree.map(np.testing.assert_array_equal, snapshot, values)
  for leaf in jax.tree.leaves(snapshot):
    assert isinstance(leaf, np.ndarray)
    assert leaf.flags.owndata or leaf.base.flags.owndata


def test_a_state_lies_after_an_update_as_before():
  """Or the next update would be compiled anew, as on newest JAX it once was."""
  step, state = _start(_CONFIG)
  before = [x.sharding for x in jax.tree.leaves(state)]
  new, _ = step(state, batching.shard(linear.make_unroll(0), 1))
  assert [x.sharding for x in jax.tree.leaves(new)] == before


def test_state_is_donated_and_its_origin_is_not():
  step, agent = _compiled(_CONFIG)
  origin = train_state.init_state(agent, _CONFIG, jax.random.key(0))
  state = train_state.replicate(origin, jax.devices()[:1])
  step(state, batching.shard(linear.make_unroll(0), 1))
  assert state.params['policy'].is_deleted()
  assert np.isfinite(origin.params['policy']).all()


@pytest.mark.parametrize('as_array', [np.asarray, jnp.asarray])
def test_shard_gives_each_device_its_environments(as_array):
  unroll = jax.tree.map(as_array, linear.make_unroll(0))
  sharded = batching.shard(unroll, 2)
  for d in range(2):
    envs = slice(2 * d, 2 * d + 2)
    for whole, part in [
      (unroll.timestep.observation, sharded.timestep.observation),
      (unroll.timestep.step_type, sharded.timestep.step_type),
      (unroll.action, sharded.action),
      (unroll.behaviour_logits, sharded.behaviour_logits),
    ]:
      np.testing.assert_array_equal(part[d], whole[:, envs])
    for whole, part in zip(
      unroll.agent_state, sharded.agent_state, strict=True
    ):
      np.testing.assert_array_equal(part[d], whole[envs])
  assert isinstance(sharded.action, type(unroll.action))


def test_shard_refuses_an_uneven_split():
  with pytest.raises(ValueError, match=r'batch of 4 .* over 3 devices'):
    batching.shard(linear.make_unroll(0), 3)


if __name__ == '__main__':
  np.savez(
    sys.argv[1], num_devices=len(jax.devices()), **_run_all(jax.devices())
  )
