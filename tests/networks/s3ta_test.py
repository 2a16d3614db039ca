import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.algorithms import vtrace
from attn_agents.networks import factory
from configs.agents import s3ta
from tests.networks import tiny


def _param_shapes(config, num_actions, rows=1):
  network = factory.make_network(config, num_actions)
  inputs = tiny.random_inputs(rows, 1, config.environment)
  state = network.initial_state(1)
  return jax.eval_shape(network.init, jax.random.key(0), inputs, state)[
    'params'
  ]


def _count(tree):
  return sum(leaf.size for leaf in jax.tree_util.tree_leaves(tree))


def _nonzero_state(network, batch):
  """A state as in the middle of an episode."""
  return tiny.random_like(network.initial_state(batch), 0)


def _apply_and_record(network, params, inputs, state):
  apply = functools.partial(network.apply, mutable=['intermediates'])
  return jax.jit(apply)(params, inputs, state)


@pytest.mark.parametrize(
  ('num_actions', 'expected'), [(9, 2_281_354), (18, 2_287_123)]
)
def test_paper_parameter_count(num_actions, expected):
  assert _count(_param_shapes(s3ta.paper(), num_actions)) == expected


def test_paper_parameter_count_per_layer():
  params = _param_shapes(s3ta.paper(), 9)
  core = params['policy_core']
  assert _count(params['torso']['conv_0']) == 6_176
  assert _count(params['torso']['conv_1']) == 32_832
  assert _count(params['vision_core']) == 885_760
  assert _count(core['query']) == 135_840
  assert _count(core['answer']) == 656_640 + 512 * 9
  assert _count(core['lstm']) == 525_312
  heads = [_count(params[name]) for name in ('head', 'policy', 'baseline')]
  assert sum(heads) == 33_025 + 129 * 9


def test_paper_state_and_output_shapes():
  config = s3ta.paper()
  network = factory.make_network(config, 18)
  state = network.initial_state(2)
  for leaf in state.vision:
    assert leaf.shape == (2, 27, 20, 128) and leaf.dtype == jnp.float32
  for leaf in state.policy:
    assert leaf.shape == (2, 256) and leaf.dtype == jnp.float32
  inputs = tiny.random_inputs(51, 2, config.environment)
  params = {'params': _param_shapes(config, 18)}
  outputs, after = jax.eval_shape(network.apply, params, inputs, state)
  assert outputs.policy_logits.shape == (51, 2, 18)
  assert outputs.baseline.shape == (51, 2)
  shapes = jax.tree_util.tree_map(jnp.shape, (after, state))
  assert shapes[0] == shapes[1]


def test_small_preset_shapes():
  config = s3ta.small()
  params = _param_shapes(config, 9)
  assert params['torso']['conv_0']['kernel'].shape == (6, 6, 1, 16)
  assert params['torso']['conv_1']['kernel'].shape == (4, 4, 16, 32)
  # Three gates of 16 channels.
  assert params['vision_core']['conv_x']['kernel'].shape == (3, 3, 32, 48)
  assert params['vision_core']['conv_h']['kernel'].shape == (3, 3, 16, 48)
  # 8 queries of 4 + 64; 8 answers of 16 - 4 + 64, 9 actions, 1 reward.
  core = params['policy_core']
  assert core['query']['Dense_2']['kernel'].shape == (64, 8 * 68)
  assert core['answer']['Dense_0']['kernel'].shape == (8 * 76 + 10, 128)
  # The LSTM's output and the processed answer.
  assert params['head']['kernel'].shape == (128 + 128, 128)
  state = factory.make_network(config, 9).initial_state(3)
  assert state.vision.hidden.shape == (3, 7, 7, 16)


def test_initialisation_sows_nothing():
  config = tiny.make_config()
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(1, 1, config.environment)
  variables = jax.eval_shape(
    network.init, jax.random.key(0), inputs, network.initial_state(1)
  )
  assert set(variables) == {'params'}


def test_unroll_has_the_parameters_of_a_step():
  config = tiny.make_config(remat=True)
  shapes = [
    jax.tree_util.tree_map(jnp.shape, _param_shapes(config, 5, rows))
    for rows in (1, 4)
  ]
  assert shapes[0] == shapes[1]


@pytest.mark.parametrize('num_queries', [1, 3])
@pytest.mark.parametrize('key_channels', [2, 8])
def test_other_sizes_fit_together(num_queries, key_channels):
  config = tiny.make_config(num_queries=num_queries, key_channels=key_channels)
  core = _param_shapes(config, 5)['policy_core']
  query_size = num_queries * (key_channels + 64)
  answer_size = num_queries * (12 - key_channels + 64)
  assert core['query']['Dense_2']['kernel'].shape == (12, query_size)
  assert core['answer']['Dense_0']['kernel'].shape == (
    query_size + answer_size + 5 + 1,
    24,
  )


@pytest.mark.parametrize('basis', ['one_to_four', 'even_zero'])
def test_policy_core_equals_numpy(basis):
  """One row after the vision core, from the literal equations."""
  config = tiny.make_config(basis=basis)
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(1, 1, config.environment)
  state = _nonzero_state(network, 1)
  params = tiny.random_params(network)
  (outputs, after), sown = _apply_and_record(
    network, {'params': params}, inputs, state
  )
  tree = jax.tree_util.tree_map(np.asarray, params)
  core = tree['policy_core']

  def dense(x, layer):
    return x @ layer['kernel'] + layer['bias']

  def mlp(x, layers):
    for index in range(len(layers) - 1):
      x = np.maximum(dense(x, layers[f'Dense_{index}']), 0.0)
    return dense(x, layers[f'Dense_{len(layers) - 1}'])

  maps = {
    name: np.asarray(x[0][0, 0]) for name, x in sown['intermediates'].items()
  }
  hidden, cell = (np.asarray(x[0]) for x in state.policy)
  query = mlp(hidden, core['query'])
  np.testing.assert_allclose(maps['queries'], query.reshape(2, 72), atol=1e-5)
  logits = np.einsum('qk,ijk->qij', query.reshape(2, 72), maps['keys'])
  weights = np.exp(logits) / np.exp(logits).sum((1, 2), keepdims=True)
  np.testing.assert_allclose(maps['attention'], weights, atol=1e-5)
  answers = np.einsum('qij,ijv->qv', weights, maps['values'])
  one_hot = np.eye(5)[inputs.prev_action[0, 0]]
  reward = np.clip(inputs.reward[0], -1.0, 1.0)
  joined = np.concatenate([query, answers.ravel(), one_hot, reward])
  processed = mlp(joined, core['answer'])
  gates = dense(np.concatenate([processed, hidden]), core['lstm']['gates'])
  i, g, f, o = np.split(gates, 4)
  cell = cell / (1 + np.exp(-f - 1)) + np.tanh(g) / (1 + np.exp(-i))
  hidden = np.tanh(cell) / (1 + np.exp(-o))
  np.testing.assert_allclose(after.policy.hidden[0], hidden, atol=1e-5)
  head = np.maximum(dense(hidden, tree['head']), 0.0)
  np.testing.assert_allclose(
    outputs.policy_logits[0, 0], dense(head, tree['policy']), atol=1e-5
  )
  np.testing.assert_allclose(
    outputs.baseline[0, 0], dense(head, tree['baseline'])[0], atol=1e-5
  )


@pytest.mark.parametrize(
  ('max_abs_reward', 'same'), [(1.0, True), (2.0, False), (0.0, False)]
)
def test_previous_reward_is_clipped(max_abs_reward, same):
  config = tiny.make_config()
  config = dataclasses.replace(
    config, learning=vtrace.VTraceConfig(max_abs_reward=max_abs_reward)
  )
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(1, 2, config.environment)
  state = network.initial_state(2)
  params = {'params': tiny.random_params(network)}
  apply = jax.jit(network.apply)
  logits = [
    apply(params, inputs._replace(reward=np.full((1, 2), reward)), state)[
      0
    ].policy_logits
    for reward in (1.0, 50.0)
  ]
  assert np.allclose(*logits, atol=1e-7) == same


@pytest.mark.parametrize('rows', [1, 3])
def test_sows_what_analysis_needs(rows):
  config = tiny.make_config()
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(rows, 2, config.environment)
  inputs.is_first[0, 0] = True
  state = _nonzero_state(network, 2)
  params = {'params': tiny.random_params(network)}
  (outputs, _), sown = _apply_and_record(network, params, inputs, state)
  sown = {name: x[0] for name, x in sown['intermediates'].items()}
  lead, size = (rows, 2), tiny.MAP_SIZE
  assert {name: x.shape for name, x in sown.items()} == {
    'attention': (*lead, 2, *size),
    'queries': (*lead, 2, 72),
    'keys': (*lead, *size, 72),
    'values': (*lead, *size, 12 - 8 + 64),
    'answers': (*lead, 2, 12 - 8 + 64),
  }
  # What was sown must be what was used, at every row.
  logits = np.einsum('tbqk,tbijk->tbqij', sown['queries'], sown['keys'])
  weights = np.exp(logits) / np.exp(logits).sum((3, 4), keepdims=True)
  np.testing.assert_allclose(sown['attention'], weights, atol=1e-5)
  np.testing.assert_allclose(
    sown['answers'],
    np.einsum('tbqij,tbijv->tbqv', weights, sown['values']),
    atol=1e-5,
  )
  silent, _ = jax.jit(network.apply)(params, inputs, state)
  np.testing.assert_allclose(
    outputs.policy_logits, silent.policy_logits, atol=1e-6
  )


def test_no_rank_promotion_and_only_float32():
  config = tiny.make_config()
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(3, 2, config.environment)
  state = network.initial_state(2)
  with jax.numpy_rank_promotion('raise'):
    result, params = jax.eval_shape(
      network.init_with_output, jax.random.key(0), inputs, state
    )
  for leaf in jax.tree_util.tree_leaves((result, params)):
    assert leaf.dtype == jnp.float32


def test_gradient_reaches_every_parameter():
  config = tiny.make_config(remat=True, convolution='canonical')
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(3, 2, config.environment)
  state = network.initial_state(2)
  params = {'params': tiny.random_params(network)}

  def loss(params):
    outputs, _ = network.apply(params, inputs, state)
    return jnp.sum(jnp.sin(outputs.policy_logits)) + jnp.sum(outputs.baseline)

  gradients = jax.jit(jax.grad(loss))(params)
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
    assert np.any(np.asarray(leaf) != 0.0), path
