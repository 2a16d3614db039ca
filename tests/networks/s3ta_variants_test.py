"""The ablations of S3TA section 4.4: fixed queries, and no queries."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.networks import factory
from attn_agents.networks.layers import (
  attention,
  conv_lstm,
  recurrent,
  spatial_basis,
)
from configs import agents, errors, ranges
from configs.agents import s3ta
from tests.networks import tiny

_FIXED = {'queries': 'fixed'}
_NORM = {'queries': 'l2_norm', 'num_queries': 1}


def _param_shapes(config, num_actions):
  network = factory.make_network(config, num_actions)
  inputs = tiny.random_inputs(1, 1, config.environment)
  state = network.initial_state(1)
  init = jax.eval_shape(network.init, jax.random.key(0), inputs, state)
  return init['params']


def _count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
  ('agent', 'expected'),
  [('s3ta_fixed_query', 2_151_571), ('s3ta_l2_keys', 1_721_203)],
)
def test_paper_parameter_count(agent, expected):
  assert _count(_param_shapes(agents.make(agent, 'paper'), 18)) == expected


def test_fixed_queries_start_as_unit_vectors_on_average():
  network = factory.make_network(tiny.make_config(**_FIXED), 5)
  inputs = tiny.random_inputs(1, 1, tiny.make_config().environment)
  state = network.initial_state(1)

  @jax.jit
  def draw(seed):
    params = network.init(jax.random.key(seed), inputs, state)['params']
    return params['policy_core']['query']

  draws = [draw(i) for i in range(40)]
  assert draws[0].shape == (2, 72)
  # 80 vectors of 72 channels: the mean square deviates by 1 / 54 (one sigma).
  np.testing.assert_allclose(
    np.mean(np.sum(np.square(draws), axis=-1)), 1.0, atol=0.08
  )
  assert abs(np.mean(draws)) < 0.01


def _run(variant, rows=1):
  config = tiny.make_config(**variant)
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(rows, 1, config.environment)
  params = tiny.random_params(network)
  state = tiny.random_like(network.initial_state(1), 0)
  apply = jax.jit(functools.partial(network.apply, mutable=['intermediates']))
  (outputs, after), sown = apply({'params': params}, inputs, state)
  sown = {name: np.asarray(x[0]) for name, x in sown['intermediates'].items()}
  return params, inputs, state, outputs, after, sown


@pytest.mark.parametrize('variant', [_FIXED, _NORM], ids=['fixed', 'l2_norm'])
def test_policy_core_equals_numpy(variant):
  params, inputs, state, _, after, sown = _run(variant)
  core = jax.tree.map(np.asarray, params['policy_core'])
  keys, values = sown['keys'][0, 0], sown['values'][0, 0]
  asked = []
  if variant is _FIXED:
    np.testing.assert_array_equal(sown['queries'][0, 0], core['query'])
    logits = np.einsum('qk,ijk->qij', core['query'], keys)
    asked = [core['query'].ravel()]
  else:
    assert 'queries' not in sown and 'query' not in core
    logits = np.linalg.norm(keys[..., :8], axis=-1)[None]
  weights = np.exp(logits) / np.exp(logits).sum((1, 2), keepdims=True)
  np.testing.assert_allclose(sown['attention'][0, 0], weights, atol=1e-5)
  answers = np.einsum('qij,ijv->qv', weights, values)
  reward = np.clip(inputs.reward[0], -1.0, 1.0)
  x = np.concatenate(
    [*asked, answers.ravel(), np.eye(5)[inputs.prev_action[0, 0]], reward]
  )
  layers = core['answer']
  for i in range(2):
    x = x @ layers[f'Dense_{i}']['kernel'] + layers[f'Dense_{i}']['bias']
    x = np.maximum(x, 0.0) if i == 0 else x
  hidden, cell = (np.asarray(v[0]) for v in state.policy)
  gates = np.concatenate([x, hidden]) @ core['lstm']['gates']['kernel']
  i, g, f, o = np.split(gates + core['lstm']['gates']['bias'], 4)
  cell = cell / (1 + np.exp(-f - 1)) + np.tanh(g) / (1 + np.exp(-i))
  hidden = np.tanh(cell) / (1 + np.exp(-o))
  np.testing.assert_allclose(after.policy.hidden[0], hidden, atol=1e-5)


@pytest.mark.parametrize(
  ('variant', 'follows'), [({}, True), (_FIXED, False), (_NORM, False)]
)
def test_only_top_down_attention_follows_the_policy_state(variant, follows):
  config = tiny.make_config(**variant)
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(1, 1, config.environment)
  params = {'params': tiny.random_params(network)}
  apply = jax.jit(functools.partial(network.apply, mutable=['intermediates']))
  state = network.initial_state(1)
  maps = []
  for scale in (0.0, 1.0):
    policy = jax.tree.map(lambda x, s=scale: s * jnp.ones_like(x), state.policy)
    _, sown = apply(params, inputs, state._replace(policy=policy))
    maps.append(sown['intermediates']['attention'][0])
  assert np.allclose(*maps, atol=1e-7) != follows


@pytest.mark.parametrize('includes_basis', [False, True])
def test_attention_by_norm_equals_loops(includes_basis):
  rng = np.random.default_rng(0)
  height, width, key_channels = 4, 3, 5
  basis = spatial_basis.spatial_basis(height, width, 'even_zero')
  basis = basis.reshape(-1, 64)
  features = rng.normal(size=(2, 12, 9)).astype(np.float32)
  with jax.numpy_rank_promotion('raise'):
    answers, maps = jax.jit(attention.attend_by_norm, static_argnums=(2, 3))(
      features, basis, key_channels, includes_basis
    )
  assert answers.shape == (2, 1, 4 + 64) and maps.shape == (2, 1, 12)
  for b in range(2):
    logits = []
    for s in range(12):
      key = list(features[b, s, :key_channels])
      key += list(basis[s]) if includes_basis else []
      logits.append(sum(float(k) ** 2 for k in key) ** 0.5)
    weights = np.exp(logits) / np.sum(np.exp(logits))
    np.testing.assert_allclose(maps[b, 0], weights, atol=1e-6)
    value = sum(
      w * np.concatenate([features[b, s, key_channels:], basis[s]])
      for s, w in enumerate(weights)
    )
    np.testing.assert_allclose(answers[b, 0], value, atol=1e-5)


def test_a_norm_of_zero_has_a_finite_gradient():
  """As at the first row of an episode with a bias of zero."""
  basis = spatial_basis.spatial_basis(2, 2, 'one_to_four')

  def loss(features):
    answers, _ = attention.attend_by_norm(
      features, basis.reshape(4, 64), 3, norm_includes_basis=False
    )
    return jnp.sum(jnp.sin(answers))

  features = np.zeros((1, 4, 6), np.float32)
  features[0, 1] = 0.5
  gradient = jax.device_get(jax.jit(jax.grad(loss))(features))
  assert np.isfinite(gradient).all()
  assert np.abs(gradient[0, 1, :3]).min() > 0
  np.testing.assert_array_equal(gradient[0, 0, :3], 0.0)


@pytest.mark.parametrize('variant', [_FIXED, _NORM], ids=['fixed', 'l2_norm'])
def test_gradient_reaches_every_parameter(variant):
  config = tiny.make_config(convolution='canonical', **variant)
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(3, 2, config.environment)
  params = {'params': tiny.random_params(network)}

  def loss(params):
    outputs, _ = network.apply(params, inputs, network.initial_state(2))
    return jnp.sum(jnp.sin(outputs.policy_logits)) + jnp.sum(outputs.baseline)

  gradients = jax.jit(jax.grad(loss))(params)
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
    assert np.any(np.asarray(leaf) != 0.0), path


def _with_decoder(size, sees_answer):
  """A network that may draw the screen, and its parameters."""
  config = tiny.make_config(
    convolution='canonical',
    head_sees_answer=sees_answer,
    reconstruction_size=size,
  )
  network = factory.make_network(config, tiny.NUM_ACTIONS)
  return network, tiny.random_params(network)


@pytest.mark.parametrize('sees_answer', [True, False])
def test_a_decoder_leaves_policy_and_value_alone(sees_answer):
  inputs = tiny.random_inputs(2, 4, tiny.make_config().environment)
  outputs = []
  plain, params = _with_decoder(0, sees_answer)
  drawing, more = _with_decoder(3, sees_answer)
  decoder = more['reconstruction']
  # The LSTM's units and, if the heads see it, the answer's.
  assert decoder['Dense_0']['kernel'].shape == (10 + 20 * sees_answer, 128)
  for network, given in (
    (plain, params),
    (drawing, params | {'reconstruction': decoder}),
  ):
    start = network.initial_state(4)
    outputs.append(network.apply({'params': given}, inputs, start)[0])
  without, drawn = outputs
  assert without.extras == ()
  assert drawn.extras.cells.shape == (2, 4, 3, 3)
  assert np.std(drawn.extras.cells, axis=(0, 1)).min() > 0
  np.testing.assert_array_equal(drawn.policy_logits, without.policy_logits)
  np.testing.assert_array_equal(drawn.baseline, without.baseline)


def test_several_maps_by_norm_are_refused():
  with pytest.raises(errors.ConfigError, match='num_queries=4: expected 1'):
    s3ta.S3TAConfig(queries='l2_norm').validate()


def _init(config, *parts):
  """These parts of the parameters; the others are not compiled."""
  network = factory.make_network(config, tiny.NUM_ACTIONS)
  inputs = tiny.random_inputs(1, 1, config.environment)
  state = network.initial_state(1)

  @jax.jit
  def draw(key):
    params = network.init(key, inputs, state)['params']
    return [params[part] for part in parts]

  return jax.device_get(draw(jax.random.key(0)))


@pytest.mark.parametrize('spread', [0.0, 0.5])
def test_top_down_queries_start_as_far_apart_as_asked(spread):
  config = tiny.make_config(query_spread=spread, num_queries=8)
  (core,) = _init(config, 'policy_core')
  layers = core['query']
  *hidden, last = (layers[name]['bias'] for name in sorted(layers))
  assert not any(np.any(bias) for bias in hidden)
  assert last.size == 8 * (8 + spatial_basis.CHANNELS)
  np.testing.assert_allclose(np.std(last), spread, rtol=0.1)


def test_a_negative_spread_is_refused():
  with pytest.raises(errors.ConfigError, match='query_spread=-1'):
    ranges.check_section(s3ta.S3TAConfig(query_spread=-1.0))


@pytest.mark.parametrize('gain', [1.0, 3.0])
def test_what_sees_starts_as_large_as_asked(gain):
  config = tiny.make_config(vision_gain=gain)
  torso, core = _init(config, 'torso', 'vision_core')
  for layer in (*torso.values(), core['conv_x']):
    assert _gain(layer['kernel']) == pytest.approx(gain, rel=0.15)
    assert not np.any(layer['bias'])
  assert _gain(core['conv_h']['kernel']) == pytest.approx(1.0, rel=0.15)


def _gain(kernel):
  fan_in = np.prod(kernel.shape[:-1])
  return np.std(kernel) * np.sqrt(fan_in)


@pytest.mark.parametrize('centred', [True, False])
def test_even_ground_is_seen_as_nothing_if_asked(centred):
  (torso,) = _init(tiny.make_config(vision_centred=centred), 'torso')
  first, second = (torso[name]['kernel'] for name in sorted(torso))
  means = np.abs(np.mean(first, axis=(0, 1, 2)))
  assert (np.max(means) < 1e-7) == centred
  assert np.max(np.abs(np.mean(second, axis=(0, 1, 2)))) > 1e-3


def _neighbours_alike(kernel):
  """How alike a kernel's weights are a pixel apart: their correlation."""
  one, other = kernel[:, :-1].ravel(), kernel[:, 1:].ravel()
  return np.corrcoef(one, other)[0, 1]


def test_first_kernels_are_blurred_if_asked():
  """As large as others, but smooth, and small at the edge."""
  sizes = {'conv_kernels': (8, 4), 'conv_channels': (32, 8)}
  (plain,), (torso,) = (
    _init(tiny.make_config(**sizes, vision_gain=2.0, **blur), 'torso')
    for blur in ({}, {'vision_blur': 1.5})
  )
  first, second = torso['conv_0']['kernel'], torso['conv_1']['kernel']
  assert _gain(first) == pytest.approx(2.0, rel=0.15)
  assert abs(_neighbours_alike(plain['conv_0']['kernel'])) < 0.1
  assert _neighbours_alike(first) > 0.7
  assert abs(_neighbours_alike(second)) < 0.1
  middle, edge = np.std(first[3:5, 3:5]), np.std(first[:, [0, -1]])
  assert middle > 2.5 * edge


@pytest.mark.parametrize('coupled', [True, False])
def test_the_vision_core_begins_to_forget_as_asked(coupled):
  """Two constant screens: what is left of the first after the second."""
  channels = 4
  for bias in (1.0, -1.0):
    module = conv_lstm.ConvLSTM(channels, coupled=coupled, forget_bias=bias)
    inputs = np.zeros((2, 1, 3, 3, 2), np.float32)
    state = recurrent.zero_state((1, 3, 3, channels))
    state = state._replace(cell=np.ones_like(state.cell))
    firsts = np.zeros((2, 1), bool)

    @jax.jit
    def left(module=module, inputs=inputs, firsts=firsts, state=state):
      params = module.init(jax.random.key(0), inputs, firsts, state)
      # Nothing comes in, so that what is left is what was not forgotten.
      kernels = jax.tree.map(jnp.zeros_like, params)
      for part in ('conv_x', 'conv_h'):
        kernels['params'][part]['bias'] = params['params'][part]['bias']
      return module.apply(kernels, inputs, firsts, state)[1].cell

    kept = 1 / (1 + np.exp(-bias))
    np.testing.assert_allclose(left(), kept**2, rtol=1e-6)


def test_the_forget_bias_reaches_the_vision_core():
  (core,) = _init(tiny.make_config(vision_forget_bias=-1.5), 'vision_core')
  bias = np.asarray(core['conv_x']['bias'])
  channels = len(bias) // 4
  np.testing.assert_array_equal(bias[2 * channels : 3 * channels], -2.5)
  assert np.count_nonzero(bias) == channels
  assert not np.any(core['conv_h']['bias'])


@pytest.mark.parametrize('gain', [0.0, -1.0])
def test_a_gain_that_is_none_is_refused(gain):
  with pytest.raises(errors.ConfigError, match=r'vision_gain=.*0\.001 to'):
    ranges.check_section(s3ta.S3TAConfig(vision_gain=gain))
