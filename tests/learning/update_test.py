"""The update on one and on two devices.

Run as a program, this file saves what `_run` gives on all devices there are:
the number of CPU devices is fixed when JAX starts.
"""

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.learning import update
from attn_agents.losses import vtrace
from configs import s3ta, schema

_T, _B, _A, _CORE = 5, 4, 3, 2
_CONFIG = schema.Config(
  agent='linear',
  preset='small',
  network=s3ta.S3TAConfig(),
  learning=schema.LearningConfig(unroll_length=_T, batch_size=_B),
  optimizer=schema.OptimizerConfig(learning_rate=0.01, clip_threshold=9.0),
)


class LinearAgent:
  """Linear in observation, initial core state and previous action."""

  def __init__(self):
    self.traces = 0

  def initial_params(self, key):
    policy_key, value_key = jax.random.split(key)
    size = 4 + _CORE + _A
    return {
      'policy': 0.3 * jax.random.normal(policy_key, (size, _A)),
      'value': 0.3 * jax.random.normal(value_key, (size,)),
    }

  def unroll(self, params, timestep, action, agent_state):
    self.traces += 1
    rows, batch = timestep.reward.shape
    frames = timestep.observation.reshape(rows, batch, -1) / 255.0
    core = jnp.broadcast_to(agent_state.core_state, (rows, batch, _CORE))
    prev = jnp.concatenate([agent_state.prev_action[None], action])
    x = jnp.concatenate([frames, core, jax.nn.one_hot(prev, _A)], axis=-1)
    return types.NetworkOutput(x @ params['policy'], x @ params['value'])


def _make_unroll(seed):
  rng = np.random.default_rng(seed)
  step_type = np.ones((_T + 1, _B), np.int8)
  # One episode's end, so that the devices' numbers of transitions differ.
  step_type[2, 0], step_type[3, 0] = types.StepType.LAST, types.StepType.FIRST
  discount = np.ones((_T + 1, _B), np.float32)
  discount[2, 0] = 0.0
  return types.Unroll(
    timestep=types.TimeStep(
      observation=rng.integers(256, size=(_T + 1, _B, 2, 2, 1), dtype=np.uint8),
      reward=rng.normal(size=(_T + 1, _B)).astype(np.float32),
      discount=discount,
      step_type=step_type,
    ),
    action=rng.integers(_A, size=(_T, _B), dtype=np.int32),
    behaviour_logits=rng.normal(size=(_T, _B, _A)).astype(np.float32),
    agent_state=types.AgentState(
      core_state=rng.normal(size=(_B, _CORE)).astype(np.float32),
      prev_action=rng.integers(_A, size=_B, dtype=np.int32),
    ),
  )


@functools.cache
def _compiled(config):
  """One device's update and its agent."""
  agent = LinearAgent()
  return update.make_update(agent, config, jax.devices()[:1]), agent


def _start(config):
  """One device's update and a new state."""
  step, agent = _compiled(config)
  state = update.init_state(agent, config, jax.random.key(0))
  return step, update.replicate(state, jax.devices()[:1])


def _run(devices, num_updates=4):
  """Returns parameters, mean squares and metrics after several updates."""
  agent = LinearAgent()
  state = update.init_state(agent, _CONFIG, jax.random.key(0))
  state = update.replicate(state, devices)
  step = update.make_update(agent, _CONFIG, devices)
  result = {}
  for i in range(num_updates):
    state, metrics = step(state, update.shard(_make_unroll(i), len(devices)))
    result |= {f'{k}_{i}': np.asarray(v) for k, v in metrics.items()}
  # Every device must hold the same.
  for leaf in jax.tree.leaves(state):
    copies = np.asarray(leaf)
    assert copies.shape[0] == len(devices)
    np.testing.assert_array_equal(
      copies, np.broadcast_to(copies[0], copies.shape)
    )
  leaves = jax.tree.leaves(update.unreplicate(state))
  return result | {f'leaf_{i}': x for i, x in enumerate(leaves)}


def test_two_devices_make_the_update_of_one(tmp_path):
  path = tmp_path / 'two.npz'
  environment = os.environ | {
    'JAX_PLATFORMS': 'cpu',
    'XLA_FLAGS': '--xla_force_host_platform_device_count=2',
    'PYTHONPATH': os.pathsep.join(
      [str(pathlib.Path(__file__).parents[2]), os.environ.get('PYTHONPATH', '')]
    ),
  }
  subprocess.run(
    [sys.executable, __file__, str(path)],
    env=environment, check=True, timeout=300,
  )  # fmt: skip
  two = np.load(path)
  one = _run(jax.devices()[:1])
  assert two['num_devices'] == 2
  assert set(two) - {'num_devices'} == set(one)
  # The batch is uneven, and the clip works in some updates and not in others.
  assert one['num_transitions_0'] == _T * _B - 1
  assert 0 < sum(one[f'clipped_{i}'] for i in range(4)) < 4
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
  agent, unroll = LinearAgent(), _make_unroll(0)
  step, state = _start(config)
  params = update.unreplicate(state).params

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

  state, metrics = step(state, update.shard(unroll, 1))
  new = update.unreplicate(state)
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
  start = update.unreplicate(state)
  unroll = update.shard(_make_unroll(0), 1)
  step(state, unroll)
  traces = agent.traces

  def change(**hyperparams):
    """The largest change of a parameter in one update from `start`."""
    changed = start._replace(
      hyperparams=start.hyperparams._replace(
        **{k: np.float32(v) for k, v in hyperparams.items()}
      )
    )
    new, _ = step(update.replicate(changed, jax.devices()[:1]), unroll)
    new = update.unreplicate(new)
    assert new.hyperparams == changed.hyperparams
    return new.params['policy'] - start.params['policy']

  base = change()
  assert base.any()
  np.testing.assert_allclose(
    change(learning_rate=0.02), 2 * base, rtol=1e-4, atol=1e-6
  )
  assert not change(clip_threshold=0.0).any()
  assert np.abs(change(rmsprop_epsilon=99.0)).max() < np.abs(base).max() / 9
  assert np.abs(change(entropy_cost=5.0) - base).max() > 1e-3
  assert agent.traces == traces


def test_nonfinite_gradient_is_reported_and_not_applied():
  step, state = _start(_CONFIG)
  state, _ = step(state, update.shard(_make_unroll(0), 1))
  before = update.unreplicate(state)
  bad = _make_unroll(1)
  bad.timestep.reward[2, 1] = np.nan
  state, metrics = step(state, update.shard(bad, 1))
  after = update.unreplicate(state)
  assert metrics['nonfinite'] == 1.0
  assert not np.isfinite(metrics['grad_norm'])
  assert after.learner_steps == before.learner_steps + 1
  jax.tree.map(
    np.testing.assert_array_equal,
    (after.params, after.opt_state),
    (before.params, before.opt_state),
  )
  state, metrics = step(state, update.shard(_make_unroll(2), 1))
  assert metrics['nonfinite'] == 0.0
  assert (
    update.unreplicate(state).params['policy'] != after.params['policy']
  ).any()


def test_host_copy_survives_the_donation_of_its_state():
  step, state = _start(_CONFIG)
  snapshot = update.unreplicate(state)
  values = jax.tree.map(np.copy, snapshot)
  for i in range(3):
    state, _ = step(state, update.shard(_make_unroll(i), 1))
  jax.tree.map(np.testing.assert_array_equal, snapshot, values)
  for leaf in jax.tree.leaves(snapshot):
    assert isinstance(leaf, np.ndarray)
    assert leaf.flags.owndata or leaf.base.flags.owndata


def test_state_is_donated_and_its_origin_is_not():
  step, agent = _compiled(_CONFIG)
  origin = update.init_state(agent, _CONFIG, jax.random.key(0))
  state = update.replicate(origin, jax.devices()[:1])
  step(state, update.shard(_make_unroll(0), 1))
  assert state.params['policy'].is_deleted()
  assert np.isfinite(origin.params['policy']).all()


@pytest.mark.parametrize('as_array', [np.asarray, jnp.asarray])
def test_shard_gives_each_device_its_environments(as_array):
  unroll = jax.tree.map(as_array, _make_unroll(0))
  sharded = update.shard(unroll, 2)
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
    update.shard(_make_unroll(0), 3)


if __name__ == '__main__':
  np.savez(sys.argv[1], num_devices=len(jax.devices()), **_run(jax.devices()))
