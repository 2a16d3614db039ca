"""Passes over a batch with PPO's loss: which rows a step takes, and its size.

The targets are PPO's or, in an asynchronous run, V-trace's.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.algorithms import proximal, registry
from attn_agents.learning import (
  batching,
  gradient_step,
  proximal_update,
  train_state,
)
from attn_agents.losses import ppo
from attn_agents.networks import factory
from configs import schema
from configs.agents import impala_ff, s3ta
from tests.learning import linear
from tests.networks import tiny

_EPOCHS, _PARTS = 3, 2


_SECTIONS = {
  name: algorithm.section_class(normalize_advantages=True)
  for name, algorithm in registry.ALGORITHMS.items()
  if issubclass(algorithm.section_class, proximal.ProximalConfig)
}


def _config(
  recurrent, anneal_frames=0, anneal_to=0.0, algorithm='ppo', **learning
):
  sizes = {
    'unroll_length': linear.T,
    'batch_size': linear.B,
    'num_epochs': _EPOCHS,
    'num_minibatches': _PARTS,
  }
  return schema.Config(
    agent='linear',
    preset='small',
    network=s3ta.S3TAConfig() if recurrent else impala_ff.ResNetConfig(),
    algorithm=algorithm,
    seed=3,
    learning=dataclasses.replace(_SECTIONS[algorithm], **sizes | learning),
    optimizer=schema.OptimizerConfig(
      name='adam',
      learning_rate=0.01,
      epsilon=1e-5,
      clip_threshold=0.5,
      anneal_frames=anneal_frames,
      anneal_to=anneal_to,
    ),
  )


def _replicated(state):
  """In memory of JAX, since the update frees what it is given."""
  return train_state.replicate(state, jax.devices()[:1])


def _update(config, recurrent, unroll):
  """State before, state after, and metrics of one update."""
  devices = jax.devices()[:1]
  agent = linear.LinearAgent(recurrent)
  before = train_state.init_state(agent, config, jax.random.key(0))
  state, metrics = registry.get(config.algorithm).make_update(
    agent, config, devices
  )(_replicated(before), batching.shard(unroll, 1))
  return agent, before, train_state.unreplicate(state), metrics


def _targets(agent, params, config, unroll):
  """Those of a batch, as an update makes them before its steps."""
  make_targets = registry.get(config.algorithm).make_targets

  @jax.jit
  def targets(params):
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    return make_targets(outputs, unroll, config.learning)

  return targets(params)


def _on_policy(agent, params, unroll):
  """The unroll as if `params` had made it."""
  outputs = jax.jit(agent.unroll)(
    params, unroll.timestep, unroll.action, unroll.agent_state
  )
  return unroll._replace(
    behaviour_logits=np.asarray(outputs.policy_logits[:-1])
  )


@pytest.mark.parametrize('recurrent', [True, False])
def test_every_pass_takes_each_transition_once(recurrent):
  """Steps of size 0 leave the policy alone, so that sums can be compared."""
  config = _config(recurrent, normalize_advantages=False)
  config = dataclasses.replace(
    config,
    optimizer=dataclasses.replace(config.optimizer, learning_rate=0.0),
  )
  unroll = linear.make_unroll(0, recurrent)
  agent = linear.LinearAgent(recurrent)
  params = agent.initial_params(jax.random.key(0))
  unroll = _on_policy(agent, params, unroll)
  _, before, after, metrics = _update(config, recurrent, unroll)
  jax.tree.map(np.testing.assert_array_equal, after.params, before.params)
  assert after.learner_steps == 1
  assert after.agent_steps == linear.T * linear.B - 1
  count = linear.T * linear.B - 1
  np.testing.assert_allclose(metrics['num_transitions'] * _PARTS, count)
  np.testing.assert_allclose(metrics['rho_mean'], 1.0, atol=1e-6)
  np.testing.assert_allclose(metrics['approx_kl'], 0.0, atol=1e-10)
  assert metrics['ratio_clip_fraction'] == 0.0


@pytest.mark.parametrize('algorithm', _SECTIONS)
def test_a_step_on_each_part_in_the_order_of_the_seed(algorithm):
  """The same update with plain loops and optax, without pmap."""
  config = _config(recurrent=True, algorithm=algorithm)
  learning, unroll = config.learning, linear.make_unroll(0)
  agent, before, after, metrics = _update(config, True, unroll)
  targets = jax.device_get(_targets(agent, before.params, config, unroll))
  key = jax.random.fold_in(jax.random.key(config.seed), 0)
  keys = jax.random.split(jax.random.fold_in(key, 0), _EPOCHS)
  params, losses, seen = before.params, [], []
  moments = (
    jax.tree.map(np.zeros_like, params),
    jax.tree.map(np.zeros_like, params),
  )

  @jax.jit
  def value_and_grad(params, timestep, action, state, part):
    def loss_fn(params):
      out = agent.unroll(params, timestep, action, state)
      loss, _ = ppo.ppo_loss(
        out.policy_logits[:-1], out.baseline[:-1], part, learning, 0.01,
        jnp.float32(0.1),
      )  # fmt: skip
      return loss / part.weight.sum()

    return jax.value_and_grad(loss_fn)(params)

  for epoch in range(_EPOCHS):
    order = np.asarray(jax.random.permutation(keys[epoch], linear.B))
    seen.append(order.tolist())
    for envs in np.split(order, _PARTS):
      part = jax.tree.map(lambda x, e=envs: x[:, e], targets)
      valid = np.asarray(part.weight) > 0
      advantage = np.asarray(part.advantage)
      part = part._replace(
        advantage=(advantage - advantage[valid].mean())
        / (advantage[valid].std() + 1e-8)
      )
      loss, grads = jax.device_get(
        value_and_grad(
          params,
          jax.tree.map(lambda x, e=envs: x[:, e], unroll.timestep),
          unroll.action[:, envs],
          jax.tree.map(lambda x, e=envs: x[e], unroll.agent_state),
          part,
        )
      )
      losses.append(float(loss))
      norm = np.sqrt(sum(np.sum(g**2) for g in jax.tree.leaves(grads)))
      grads = jax.tree.map(lambda g, n=norm: g * min(1.0, 0.5 / n), grads)
      t = len(losses)
      moments = (
        jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], grads),
        jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, moments[1], grads),
      )
      rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
      params = jax.tree.map(
        lambda p, m, v, r=rate: p - r * m / (np.sqrt(v) + 1e-5),
        params, *moments,
      )  # fmt: skip
  # Passes differ, and the first step saw no other policy yet.
  assert seen[0] != seen[1] or seen[1] != seen[2]
  np.testing.assert_allclose(metrics['loss'], np.mean(losses), rtol=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    after.params,
    params,
  )


def test_single_rows_and_whole_sequences_are_the_same_data():
  """In one part, cutting an unroll into rows must change nothing."""
  unroll = linear.make_unroll(0, recurrent=False)
  results = [
    _update(_config(whole, num_minibatches=1), False, unroll)
    for whole in (True, False)
  ]
  (_, _, a, metrics_a), (_, before, b, metrics_b) = results
  jax.tree.map(
    lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
    (a.params, metrics_a),
    (b.params, metrics_b),
  )
  assert np.abs(b.params['policy'] - before.params['policy']).max() > 1e-3


def test_rows_of_a_feedforward_batch_are_mixed():
  """A part of single rows is not a set of environments."""

  class Spy(linear.LinearAgent):
    def __init__(self, recurrent):
      super().__init__(recurrent)
      self.shapes = []

    def unroll(self, params, timestep, action, agent_state):
      self.shapes.append(timestep.reward.shape)
      return super().unroll(params, timestep, action, agent_state)

  for recurrent, expected in ((True, (linear.T, 2)), (False, (1, 10))):
    devices = jax.devices()[:1]
    agent = Spy(recurrent)
    config = _config(recurrent)
    state = train_state.init_state(agent, config, jax.random.key(0))
    update = registry.get(config.algorithm).make_update(agent, config, devices)
    unroll = batching.shard(linear.make_unroll(0, recurrent), 1)
    # Shapes are known when it is traced.
    jax.eval_shape(update, _replicated(state), unroll)
    assert agent.shapes[0] == (linear.T + 1, linear.B)
    assert set(agent.shapes[1:]) == {expected}


def test_parts_of_unrolls_begin_from_the_states_of_their_rows():
  """One step on all parts, against losses from the states of `inspect`."""
  config = tiny.make_resnet_config(lstm_size=9, channels=(3,))
  agent = agent_lib.Agent(
    factory.make_network(config, tiny.NUM_ACTIONS), tiny.OBSERVATION_SHAPE
  )
  config = dataclasses.replace(
    config,
    algorithm='ppo',
    learning=dataclasses.replace(
      _SECTIONS['ppo'],
      unroll_length=4,
      batch_size=3,
      num_epochs=1,
      num_minibatches=1,
      part_length=2,
      normalize_advantages=False,
    ),
    optimizer=schema.OptimizerConfig(
      name='rmsprop', learning_rate=0.01, clip_threshold=1e6
    ),
  )
  unroll = _real_unroll(agent, rows=4, batch=3)
  devices = jax.devices()[:1]
  before = train_state.init_state(agent, config, jax.random.key(0))
  _, metrics = registry.get('ppo').make_update(agent, config, devices)(
    _replicated(before), batching.shard(unroll, 1)
  )

  states, state = [], unroll.agent_state
  prev = np.concatenate([state.prev_action[None], unroll.action])
  inspect = jax.jit(agent.inspect)
  for row in range(4):
    states.append(state)
    timestep = jax.tree.map(lambda x, row=row: x[row], unroll.timestep)
    seen = inspect(before.params, timestep, state)
    state = types.AgentState(seen.core_state, prev[row + 1])
  targets = _targets(agent, before.params, config, unroll)

  def part_loss(params, start, length):
    def of_part(tree):
      return jax.tree.map(lambda x: x[start : start + length], tree)

    part = agent.unroll(
      params,
      of_part(unroll.timestep),
      of_part(unroll.action)[:-1],
      states[start],
    )
    return ppo.ppo_loss(
      part.policy_logits,
      part.baseline,
      of_part(targets),
      config.learning,
      config.learning.entropy_cost,
      config.learning.clip_epsilon,
    )[0]

  def loss(params, parts):
    return sum(part_loss(params, *part) for part in parts) / 10

  @jax.jit
  def norms_of(params):
    return [
      optax.global_norm(jax.grad(functools.partial(loss, parts=parts))(params))
      for parts in ([(0, 2), (2, 2)], [(0, 4)])
    ]

  norms = norms_of(before.params)
  np.testing.assert_allclose(metrics['grad_norm'], norms[0], rtol=1e-4)
  # Gradients of whole unrolls go further back.
  assert abs(norms[1] / norms[0] - 1.0) > 1e-3


def _real_unroll(agent, rows, batch):
  rng = np.random.default_rng(0)
  step_type = np.ones((rows + 1, batch), np.int8)
  # Episodes start at a part's first row and inside of one.
  step_type[2, 0] = step_type[3, 1] = types.StepType.FIRST
  state = agent.initial_state(batch)
  core_state = jax.tree.map(
    lambda x: (0.3 * rng.normal(size=x.shape)).astype(np.float32),
    state.core_state,
  )
  return types.Unroll(
    timestep=tiny.random_timestep(rng, step_type),
    action=rng.integers(tiny.NUM_ACTIONS, size=(rows, batch), dtype=np.int32),
    behaviour_logits=np.zeros((rows, batch, tiny.NUM_ACTIONS), np.float32),
    agent_state=types.AgentState(core_state, np.asarray(state.prev_action)),
  )


def test_the_next_update_draws_another_order_and_a_copy_the_same():
  config = _config(recurrent=False)
  devices = jax.devices()[:1]
  agent = linear.LinearAgent(False)
  step = registry.get(config.algorithm).make_update(agent, config, devices)
  unroll = batching.shard(linear.make_unroll(0, recurrent=False), 1)
  start = train_state.init_state(agent, config, jax.random.key(0))

  def params_after(learner_steps):
    state = start._replace(learner_steps=jnp.int32(learner_steps))
    state, _ = step(_replicated(state), unroll)
    return train_state.unreplicate(state).params['policy']

  np.testing.assert_array_equal(params_after(0), params_after(0))
  assert np.abs(params_after(0) - params_after(1)).max() > 1e-6


@pytest.mark.parametrize('anneal_to', [0.0, 0.5])
def test_the_clip_falls_with_a_learning_rate_that_falls_to_0(anneal_to):
  """At the end of it every ratio but 1 is beyond the clip."""
  unroll = linear.make_unroll(0)
  config = _config(
    True, anneal_frames=4 * 1000, anneal_to=anneal_to, clip_epsilon=0.9
  )
  devices = jax.devices()[:1]
  agent = linear.LinearAgent()
  start = train_state.init_state(agent, config, jax.random.key(0))
  step = registry.get(config.algorithm).make_update(agent, config, devices)
  fractions = []
  for done in (0, 500, 1000):
    state = start._replace(agent_steps=jnp.int32(done))
    _, metrics = step(_replicated(state), batching.shard(unroll, 1))
    fractions.append(float(metrics['ratio_clip_fraction']))

  @jax.jit
  def log_ratios(params):
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    log_pi = jax.nn.log_softmax(outputs.policy_logits[:-1])
    return log_pi - jax.nn.log_softmax(unroll.behaviour_logits)

  ratios = np.exp(
    np.take_along_axis(
      np.asarray(log_ratios(start.params)), unroll.action[..., None], -1
    )[..., 0]
  )
  valid = unroll.timestep.step_type[1:] != types.StepType.FIRST
  beyond = [np.mean(np.abs(ratios[valid] - 1) > e) for e in (0.9, 0.45, 0.0)]
  assert beyond[0] < beyond[1] < beyond[2] == 1.0
  expected = beyond[:1] * 3 if anneal_to else beyond
  np.testing.assert_allclose(fractions, expected, atol=0.12)
  if not anneal_to:
    # Exact at the last, whose steps have size 0; near it where they are small.
    np.testing.assert_allclose(fractions[2], 1.0, atol=1e-6)


@pytest.mark.parametrize('algorithm', _SECTIONS)
def test_schedules_stand_still_within_an_update(algorithm, monkeypatch):
  """All steps of an update have one learning rate, clip and entropy cost."""
  config = _config(
    True, anneal_frames=4 * 1000, algorithm=algorithm, clip_epsilon=0.8
  )
  updates = []

  def loss(logits, baseline, targets, learning, entropy_cost, clip_epsilon):
    value, metrics = ppo.ppo_loss(
      logits, baseline, targets, learning, entropy_cost, clip_epsilon
    )
    used = {'entropy_cost': entropy_cost, 'clip_epsilon': clip_epsilon}
    return value, metrics | used

  def mean(metrics):
    updates.append(jax.device_get(metrics))
    return metrics[0]

  monkeypatch.setattr(proximal_update, 'ppo', _Replaced(ppo, ppo_loss=loss))
  monkeypatch.setattr(
    proximal_update, 'gradient_step', _Replaced(gradient_step, mean=mean)
  )
  devices = jax.devices()[:1]
  agent = linear.LinearAgent()
  state = train_state.init_state(agent, config, jax.random.key(0))
  state = _replicated(state._replace(agent_steps=jnp.int32(500)))
  step = registry.get(algorithm).make_update(agent, config, devices)
  unroll = batching.shard(linear.make_unroll(0), 1)
  for _ in range(2):
    state, _ = step(state, unroll)
  for steps, done in zip(updates, (500, 519), strict=True):
    left = 1 - done / 1000
    assert len(steps) == _EPOCHS * _PARTS
    for name, at_start in (
      ('learning_rate', 0.01), ('clip_epsilon', 0.8), ('entropy_cost', None),
    ):  # fmt: skip
      used = [float(metrics[name]) for metrics in steps]
      expected = at_start * left if at_start else config.learning.entropy_cost
      np.testing.assert_allclose(used, expected, rtol=1e-5, err_msg=name)


class _Replaced:
  """A module with some names replaced."""

  def __init__(self, module, **names):
    self.__dict__.update(vars(module) | names)
