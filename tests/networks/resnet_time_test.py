import dataclasses
import functools

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.algorithms import vtrace
from attn_agents.networks import factory
from tests.networks import tiny
from tests.networks.layers import residual_reference

_VARIANTS = [
  {'attention': 'residual'},
  {'attention': 'residual_simple', 'lstm_size': 10},
]


def _random_state(module, batch):
  return jax.tree_util.tree_map(
    lambda x: 0.5 * jax.random.normal(jax.random.key(x.size), x.shape),
    module.initial_state(batch),
  )


def _recurrent_reference(inputs, params, config, state):
  """Outputs [T, B] and the last state, one row and environment at a time."""
  policy, baseline = [], []
  hidden, cell = (np.array(x) for x in state)
  for row in range(len(inputs.reward)):
    features = residual_reference.torso(inputs.observation[row], params, config)
    extra = np.zeros((features.shape[0], 1 + tiny.NUM_ACTIONS))
    for index in range(features.shape[0]):
      if inputs.is_first[row, index]:
        hidden[index] = cell[index] = 0.0
      else:
        extra[index, 0] = min(max(inputs.reward[row, index], -1.0), 1.0)
        extra[index, 1 + inputs.prev_action[row, index]] = 1.0
    hidden, cell = residual_reference.lstm(
      np.concatenate([features, extra], axis=-1),
      hidden,
      cell,
      params['lstm']['cell']['gates'],
    )
    policy.append(residual_reference.dense(hidden, params['policy']))
    baseline.append(residual_reference.dense(hidden, params['baseline'])[:, 0])
  return np.stack(policy), np.stack(baseline), (hidden, cell)


@pytest.mark.parametrize('rows', [1, 3])
def test_recurrent_equals_numpy(rows):
  module, variables, inputs = tiny.make_resnet(rows, lstm_size=10)
  inputs.is_first[-1, 0] = True
  inputs.reward[:] = [0.5, 7.0]
  state = _random_state(module, 2)
  with jax.numpy_rank_promotion('raise'):
    outputs, last = jax.jit(module.apply)(variables, inputs, state)
  policy, baseline, expected = _recurrent_reference(
    inputs, variables['params'], module.config, state
  )
  np.testing.assert_allclose(outputs.policy_logits, policy, atol=1e-4)
  np.testing.assert_allclose(outputs.baseline, baseline, atol=1e-4)
  for ours, theirs in zip(last, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def _split(inputs, row):
  return jax.tree_util.tree_map(lambda x: x[row : row + 1], inputs)


@pytest.mark.parametrize('network', _VARIANTS)
def test_unroll_equals_single_steps_across_episodes(network):
  module, variables, inputs = tiny.make_resnet(rows=4, batch=3, **network)
  inputs.is_first[0, 1] = inputs.is_first[2, 0] = inputs.is_first[3, 0] = True
  before = state = _random_state(module, 3)
  apply = jax.jit(module.apply)
  steps = []
  for row in range(4):
    outputs, state = apply(variables, _split(inputs, row), state)
    steps.append(outputs)
  expected = jax.tree_util.tree_map(lambda *x: np.concatenate(x), *steps)
  unroll, last = apply(variables, inputs, before)
  check = functools.partial(np.testing.assert_allclose, atol=1e-5)
  jax.tree_util.tree_map(check, unroll, expected)
  jax.tree_util.tree_map(check, last, state)


def test_nothing_crosses_an_episode_border():
  module, variables, inputs = tiny.make_resnet(rows=5, lstm_size=10)
  inputs.is_first[3, 1] = True
  apply = jax.jit(module.apply)

  def outputs(seed):
    """What environment 1 sees before row 3, and what row 3 brings from it."""
    rng = np.random.default_rng(seed)
    observation = inputs.observation.copy()
    observation[:3, 1] = rng.integers(0, 256, observation[:3, 1].shape)
    reward, prev_action = inputs.reward.copy(), inputs.prev_action.copy()
    reward[:4, 1] = rng.uniform(-1, 1, 4)
    prev_action[:4, 1] = seed
    state = jax.tree_util.tree_map(
      lambda x: x.at[1].set(jax.random.normal(jax.random.key(seed), (10,))),
      module.initial_state(2),
    )
    rows = types.NetworkInput(observation, reward, prev_action, inputs.is_first)
    return apply(variables, rows, state)[0]

  one, two = outputs(1), outputs(2)
  for a, b in zip(one[:2], two[:2], strict=True):
    np.testing.assert_array_equal(a[3:, 1], b[3:, 1])
    assert np.all(np.abs(a[:3, 1] - b[:3, 1]) > 1e-5)
    np.testing.assert_array_equal(a[:, 0], b[:, 0])


def _with_other(inputs, field):
  """The inputs with another value of one field at row 1, environment 0."""
  values = getattr(inputs, field).copy()
  if field == 'observation':
    values[1, 0] = 255 - values[1, 0]
  elif field == 'reward':
    values[1, 0] += 0.3
  elif field == 'prev_action':
    values[1, 0] = (values[1, 0] + 1) % tiny.NUM_ACTIONS
  else:
    values[1, 0] = True
  return inputs._replace(**{field: values})


@pytest.mark.parametrize('field', types.NetworkInput._fields)
@pytest.mark.parametrize('lstm_size', [0, 10])
def test_only_the_recurrent_network_sees_more_than_the_frame(field, lstm_size):
  module, variables, inputs = tiny.make_resnet(rows=3, lstm_size=lstm_size)
  inputs.reward[:] = 0.1
  state = _random_state(module, 2)
  apply = jax.jit(module.apply)
  one, _ = apply(variables, inputs, state)
  two, _ = apply(variables, _with_other(inputs, field), state)
  changed = np.any(one.policy_logits != two.policy_logits, axis=-1)
  seen = lstm_size > 0 or field == 'observation'
  expected = np.zeros((3, 2), bool)
  expected[1, 0] = seen
  expected[2, 0] = lstm_size > 0  # The state remembers row 1.
  np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize(
  ('max_abs_reward', 'same'), [(1.0, True), (2.0, False), (0.0, False)]
)
def test_previous_reward_is_clipped(max_abs_reward, same):
  config = dataclasses.replace(
    tiny.make_resnet_config(lstm_size=10),
    learning=vtrace.VTraceConfig(max_abs_reward=max_abs_reward),
  )
  module = factory.make_network(config, tiny.NUM_ACTIONS)
  variables = {'params': tiny.random_params(module)}
  inputs = tiny.random_inputs(1, 2, config.environment)
  apply = jax.jit(module.apply)
  for sign in (-1.0, 1.0):
    one, two = (
      apply(
        variables,
        inputs._replace(reward=np.full((1, 2), reward, np.float32)),
        module.initial_state(2),
      )[0].baseline
      for reward in (sign, 50.0 * sign)
    )
    assert np.array_equal(one, two) == same


def _loops(module, variables, inputs):
  state = module.initial_state(inputs.is_first.shape[1])
  return str(jax.make_jaxpr(module.apply)(variables, inputs, state)).count(
    'scan['
  )


@pytest.mark.parametrize(
  ('rows', 'lstm_size', 'expected'),
  [(1, 0, 0), (3, 0, 0), (1, 10, 0), (3, 10, 1)],
)
def test_only_the_unrolled_lstm_is_a_loop(rows, lstm_size, expected):
  assert _loops(*tiny.make_resnet(rows, lstm_size=lstm_size)) == expected
