"""Q-learning's update against NumPy: whose values, and of which rows.

Run as a program, this file compares one device with two: the number of CPU
devices is fixed when JAX starts.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.algorithms import q_learning, registry, vtrace
from attn_agents.learning import batching, train_state
from configs import schema
from configs.agents import darqn_soft
from tests.learning import two_devices

T, B, A = 4, 4, 5
_LEARNING = q_learning.QLearningConfig(
  batch_size=B, target_update_steps=100, replay_min_size=50,
  epsilon_steps=1000, final_learning_rate=0.01, learning_rate_steps=200,
)  # fmt: skip
_CONFIG = schema.Config(
  agent='linear',
  preset='small',
  network=darqn_soft.QNetworkConfig(),
  algorithm='q_learning',
  learning=_LEARNING,
  optimizer=schema.OptimizerConfig(
    name='centred_rmsprop', learning_rate=0.05, decay=0.95, epsilon=0.01,
    clip='value', clip_threshold=0.3,
  ),
)  # fmt: skip


class SummingAgent:
  """Values are linear in the sum of all frames since the first or a reset.

  So they tell which rows were seen, and from which state.
  """

  def initial_params(self, key):
    return {'w': 0.5 * jax.random.normal(key, (2, A))}

  def initial_state(self, batch_size):
    return types.AgentState(
      jnp.zeros((batch_size, 2)), jnp.zeros((batch_size,), jnp.int32)
    )

  def unroll(self, params, timestep, action, agent_state, key=None):
    assert key is not None
    assert action.shape[0] == timestep.reward.shape[0] - 1
    total, rows = agent_state.core_state, []
    for t in range(timestep.reward.shape[0]):
      first = (timestep.step_type[t] == types.StepType.FIRST)[:, None]
      total = jnp.where(first, 0.0, total) + timestep.observation[t] / 255.0
      rows.append(total @ params['w'])
    values = jnp.stack(rows)
    return types.NetworkOutput(values, values.max(-1))


def _batch(seed, new_steps=0):
  rng = np.random.default_rng(seed)
  step_type = np.ones((T + 1, B), np.int8)
  step_type[2, 0], step_type[3, 0] = types.StepType.LAST, types.StepType.FIRST
  discount = np.ones((T + 1, B), np.float32)
  discount[2, 0] = 0.0
  return types.ReplayBatch(
    types.TimeStep(
      rng.integers(256, size=(T + 1, B, 2), dtype=np.uint8),
      rng.normal(size=(T + 1, B)).astype(np.float32), discount, step_type,
    ),
    rng.integers(A, size=(T, B), dtype=np.int32), np.int32(new_steps),
  )  # fmt: skip


def _sums(timestep, start):
  """What the network has seen at rows start..T, float64 [rows, B, 2]."""
  total, rows = np.zeros((B, 2)), []
  for t in range(start, T + 1):
    total = np.where(timestep.step_type[t][:, None] == 0, 0.0, total)
    total = total + timestep.observation[t] / 255.0
    rows.append(total)
  return np.stack(rows)


def _gradient(w, w_target, batch):
  """Of half the squared errors, linear beyond 1, in closed form."""
  timestep = batch.timestep
  seen, shifted = _sums(timestep, 0), _sums(timestep, 1)
  grad, errors = np.zeros_like(w), []
  for t in range(T):
    for b in range(B):
      if timestep.step_type[t + 1, b] == types.StepType.FIRST:
        continue
      a = batch.action[t, b]
      # Row t + 1 of the batch is row t of the shifted sequence.
      best = (shifted[t, b] @ w_target).max()
      target = np.clip(timestep.reward[t + 1, b], -1, 1)
      target += 0.99 * timestep.discount[t + 1, b] * best
      error = target - seen[t, b] @ w[:, a]
      errors.append(abs(error))
      grad[:, a] -= np.clip(error, -1, 1) * seen[t, b]
  return grad, np.mean(errors)


@functools.cache
def _compile(devices=1):
  """The update, and on how many devices."""
  make_update = registry.get(_CONFIG.algorithm).make_update
  return make_update(SummingAgent(), _CONFIG, jax.devices()[:devices]), devices


@functools.cache
def _fresh():
  return jax.device_get(
    train_state.init_state(SummingAgent(), _CONFIG, jax.random.key(0))
  )


def _start(target=None, **changes):
  state = _fresh()
  assert not np.any(state.target_params['w'] != state.params['w'])
  if target is not None:
    state = state._replace(target_params={'w': jnp.asarray(target)})
  return state._replace(**changes)


def _step(update_fn, devices, state, batch):
  # In NumPy, which puts it on the devices without a program of its own.
  state, metrics = update_fn(
    jax.tree.map(lambda x: np.stack([x] * devices), state),
    batching.shard_replay(batch, devices),
  )
  return train_state.unreplicate(state), jax.device_get(metrics)


def test_an_update_that_is_not_finite_is_not_applied():
  """Nor copied to the target network, which is due here at every update."""
  config = dataclasses.replace(
    _CONFIG,
    learning=dataclasses.replace(_LEARNING, target_update_steps=1),
    optimizer=dataclasses.replace(_CONFIG.optimizer, learning_rate=3e38),
  )
  devices = jax.devices()[:1]
  agent = SummingAgent()
  step = registry.get('q_learning').make_update(agent, config, devices)
  state = train_state.replicate(
    train_state.init_state(agent, config, jax.random.key(0)), devices
  )
  nonfinite = []
  for seed in range(3):
    batch = batching.shard_replay(_batch(seed, new_steps=10), 1)
    state, metrics = step(state, batch)
    nonfinite.append(float(metrics['nonfinite']))
    assert np.isfinite(metrics['grad_norm'])
    for leaf in jax.tree.leaves(train_state.unreplicate(state)):
      assert np.isfinite(leaf).all()
  assert any(nonfinite)


def test_updates_are_those_of_numpy_step_by_step():
  """Targets, both networks' rows, clamp, centred RMSProp, learning rate."""
  update_fn, devices = _compile()
  rng = np.random.default_rng(3)
  state = _start(target=rng.normal(size=(2, A)).astype(np.float32))
  w = np.array(state.params['w'], np.float64)
  w_target = np.array(state.target_params['w'], np.float64)
  ms, mean, steps = np.zeros_like(w), np.zeros_like(w), 0
  clamped = False
  for number in range(4):
    batch = _batch(number, new_steps=60)
    steps += 60
    grad, error = _gradient(w, w_target, batch)
    clamped |= (abs(grad) > 0.3).any()
    grad = np.clip(grad, -0.3, 0.3)
    ms = 0.95 * ms + 0.05 * grad**2
    mean = 0.95 * mean + 0.05 * grad
    share = np.clip((steps - 50) / 200, 0, 1)
    rate = 0.05 + share * (0.01 - 0.05)
    w = w - rate * grad / np.sqrt(ms - mean**2 + 0.01)
    if steps // 100 > (steps - 60) // 100:
      w_target = w
    state, metrics = _step(update_fn, devices, state, batch)
    np.testing.assert_allclose(state.params['w'], w, atol=2e-5)
    np.testing.assert_allclose(state.target_params['w'], w_target, atol=2e-5)
    np.testing.assert_allclose(metrics['td_error'], error, rtol=1e-4)
    np.testing.assert_allclose(metrics['learning_rate'], rate, rtol=1e-5)
    assert state.agent_steps == steps
    assert state.learner_steps == number + 1
  assert clamped, 'the clamp was not tried'


def test_the_target_network_changes_when_steps_pass_a_multiple():
  update_fn, devices = _compile()
  target = np.full((2, A), 7.0, np.float32)
  for before, new, due in ((0, 99, False), (0, 100, True), (199, 1, True),
                           (100, 99, False), (150, 300, True)):  # fmt: skip
    state = _start(target=target, agent_steps=jnp.int32(before))
    after, _ = _step(update_fn, devices, state, _batch(0, new))
    same = np.array_equal(after.target_params['w'], target)
    assert same != due
    if due:
      np.testing.assert_array_equal(after.target_params['w'], after.params['w'])


def test_epsilon_and_learning_rate_wait_for_learning_to_start():
  config = dataclasses.replace(
    _CONFIG,
    learning=q_learning.QLearningConfig(),
    optimizer=dataclasses.replace(_CONFIG.optimizer, learning_rate=0.01),
  )
  algorithm = q_learning.ALGORITHM
  for steps, epsilon in (
    (0, 1.0), (25_000, 1.0), (525_000, 0.55), (1_025_000, 0.1), (9e6, 0.1),
  ):  # fmt: skip
    found = algorithm.epsilon(config, jnp.int32(steps))
    np.testing.assert_allclose(found, epsilon, rtol=1e-5)
  for steps, rate in ((25_000, 0.01), (525_000, 0.005125), (2e6, 0.00025)):
    found = algorithm.learning_rate(config, 0.01, jnp.int32(steps))
    np.testing.assert_allclose(found, rate, rtol=1e-5)


def test_a_run_without_a_target_network_carries_none():
  config = dataclasses.replace(
    _CONFIG, algorithm='vtrace', learning=vtrace.VTraceConfig()
  )
  state = train_state.init_state(SummingAgent(), config, jax.random.key(0))
  assert state.target_params == ()


def test_two_devices_do_what_one_does():
  two_devices.run('-m', 'tests.learning.q_update_test')


def _compare_devices():
  assert len(jax.devices()) == 2
  one = _step(*_compile(devices=1), _start(), _batch(0, 10))
  two = _step(*_compile(devices=2), _start(), _batch(0, 10))
  np.testing.assert_allclose(one[0].params['w'], two[0].params['w'], atol=1e-6)


if __name__ == '__main__':
  _compare_devices()
