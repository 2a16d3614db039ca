"""DQN, DRQN and DARQN: sizes as printed, and where attention looks."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.environments import registry as environments
from attn_agents.networks import factory
from configs import agents, errors, ranges, schema
from tests.networks import tiny

_FRAMES = schema.EnvironmentConfig(height=20, width=16, grayscale=True)
_AGENTS = ('dqn', 'drqn', 'darqn_soft', 'darqn_hard')


def _tiny(name, **options):
  config = agents.make(name, 'small')
  sizes = {
    'conv_channels': (3, 4),
    'conv_kernels': (4, 3),
    'conv_strides': (2, 1),
    'attention_size': 5,
  }
  if config.network.recurrent:
    sizes['lstm_size'] = 6
  config = dataclasses.replace(
    config,
    environment=_FRAMES,
    network=dataclasses.replace(config.network, **(sizes | options)),
  )
  network = factory.make_network(config, tiny.NUM_ACTIONS)
  params = tiny.random_params(network, (20, 16, 1))
  # So that weights over locations differ visibly.
  return network, jax.tree.map(lambda x: np.float32(2) * x, params)


@functools.partial(jax.jit, static_argnames='network')
def _apply(network, params, inputs, state):
  return network.apply({'params': params}, inputs, state)


@functools.partial(jax.jit, static_argnames='network')
def _apply_and_record(network, params, inputs, state, rngs):
  return network.apply(
    {'params': params}, inputs, state, rngs=rngs, mutable=['intermediates']
  )


def _run(network, params, rows=6, batch=4, rngs=None, first=()):
  inputs = tiny.random_inputs(rows, batch, _FRAMES)
  for place in first:
    inputs.is_first[place] = True
  (outputs, state), sown = jax.device_get(
    _apply_and_record(
      network, params, inputs, network.initial_state(batch), rngs
    )
  )
  return outputs, state, sown.get('intermediates', {})


@pytest.mark.parametrize(
  ('name', 'count'),
  [
    ('darqn_soft', 845_171),  # Sorokin et al. 2015, section 3.1
    ('darqn_hard', 845_428),  # the same
    ('dqn', 1_693_362),  # the same
    # The paper prints DQN's again; the released network, by hand:
    # three convolutions, a layer, an LSTM of two biases, 18 values.
    (
      'drqn',
      (64 * 32 + 32)
      + (16 * 32 * 64 + 64)
      + (9 * 64 * 64 + 64)
      + (49 * 64 * 256 + 256)
      + 2 * (256 * 1024 + 1024)
      + (256 * 18 + 18),
    ),
  ],
)
def test_parameters_are_the_published_ones(name, count):
  config = agents.make(name, 'paper')
  env = config.environment
  shape = environments.spec(env).observation_shape
  assert shape == (84, 84, 4 if name == 'dqn' else 1)
  agent = agent_lib.Agent(factory.make_network(config, 18), shape)
  spec = jax.eval_shape(agent.initial_params, jax.random.key(0))
  assert sum(leaf.size for leaf in jax.tree.leaves(spec)) == count
  assert name != 'drqn' or count == 1_405_874


@pytest.mark.parametrize('name', ['darqn_soft', 'darqn_hard'])
def test_attention_maps_are_in_the_form_of_s3ta(name):
  config = agents.make(name, 'paper')
  network = factory.make_network(config, 18)
  inputs = tiny.random_inputs(2, 1, config.environment)
  params = jax.eval_shape(
    network.init, jax.random.key(0), inputs, network.initial_state(1)
  )
  _, sown = jax.eval_shape(
    lambda params: network.apply(
      params, inputs, network.initial_state(1), mutable=['intermediates']
    ),
    {'params': params['params']},
  )
  (maps,) = sown['intermediates']['attention']
  assert maps.shape == (2, 1, 1, 7, 7)
  assert maps.dtype == jnp.float32


@pytest.mark.parametrize('name', ['darqn_soft', 'darqn_hard'])
def test_maps_sum_to_one_and_nothing_is_sown_unasked(name):
  network, params = _tiny(name)
  _, _, sown = _run(network, params)
  (maps,) = sown['attention']
  assert maps.shape == (6, 4, 1, 8, 6)
  np.testing.assert_allclose(maps.sum((-1, -2)), 1.0, rtol=1e-5)
  assert np.all(maps.std((-1, -2)) > 1e-4), 'all locations weigh the same'
  assert np.abs(maps[0] - maps[-1]).max() > 1e-3
  outputs, _ = jax.eval_shape(
    network.apply,
    {'params': params},
    tiny.random_inputs(1, 1, _FRAMES),
    network.initial_state(1),
  )
  assert isinstance(outputs, types.NetworkOutput)


def test_without_attention_nothing_is_sown():
  for name in ('dqn', 'drqn'):
    network, params = _tiny(name)
    assert _run(network, params)[2] == {}


def _start(network, batch, value):
  """A state all of whose entries are this."""
  return jax.tree.map(
    lambda x: np.full(x.shape, value, np.float32), network.initial_state(batch)
  )


@pytest.mark.parametrize('name', _AGENTS)
def test_an_unroll_is_single_steps_with_resets(name):
  network, params = _tiny(name)
  inputs = tiny.random_inputs(6, 4, _FRAMES)
  inputs.is_first[2, 0] = inputs.is_first[0, 1] = True
  state = _start(network, 4, 0.3)
  together, last = _apply(network, params, inputs, state)
  rows = []
  for t in range(6):
    row = jax.tree.map(lambda x, t=t: x[t : t + 1], inputs)
    output, state = _apply(network, params, row, state)
    rows.append(output)
  alone = jax.tree.map(lambda *x: np.concatenate(x), *rows)
  for a, b in zip(
    jax.tree.leaves((together, last)),
    jax.tree.leaves((alone, state)),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize('name', ['drqn', 'darqn_soft', 'darqn_hard'])
def test_nothing_crosses_an_episodes_start(name):
  network, params = _tiny(name)
  inputs = tiny.random_inputs(4, 1, _FRAMES)
  inputs.is_first[2, 0] = True

  def values(start):
    state = _start(network, 1, start)
    outputs, _ = _apply(network, params, inputs, state)
    return np.asarray(outputs.policy_logits[:, 0])

  one, two = values(0.0), values(1.0)
  assert np.all(np.abs(one[1] - two[1]) > 1e-6)
  np.testing.assert_array_equal(one[2:], two[2:])


def test_the_baseline_of_soft_agents_is_the_best_value():
  for name in ('dqn', 'drqn', 'darqn_soft'):
    outputs, _, _ = _run(*_tiny(name))
    np.testing.assert_array_equal(
      outputs.baseline, outputs.policy_logits.max(-1)
    )
    assert outputs.extras == ()


def test_a_location_is_drawn_by_its_weight():
  """Over many environments that see the same frame."""
  network, params = _tiny('darqn_hard')
  draws = 4000
  one = tiny.random_inputs(1, 1, _FRAMES)
  inputs = jax.tree.map(lambda x: np.repeat(x, draws, axis=1), one)
  (outputs, _), sown = jax.device_get(
    _apply_and_record(
      network,
      params,
      inputs,
      network.initial_state(draws),
      {'glimpse': jax.random.key(0)},
    )
  )
  weights = sown['intermediates']['attention'][0][0, 0, 0]
  location = sown['intermediates']['location'][0][0, :, 0]
  np.testing.assert_array_equal(location.sum((-1, -2)), 1.0)
  shares = location.mean(0)
  error = np.sqrt(weights * (1 - weights) / draws)
  assert np.max(np.abs(shares - weights) / error) < 5
  assert np.max(weights) > 3 * np.min(weights), 'nothing to tell apart'
  # The probability of what was drawn, each raised by 1e-5 before.
  drawn = np.argmax(location.reshape(draws, -1), axis=-1)
  flat = (weights.reshape(-1) + 1e-5) / (1 + weights.size * 1e-5)
  np.testing.assert_allclose(
    outputs.extras.log_prob[0], np.log(flat[drawn]), rtol=1e-4
  )
  np.testing.assert_array_equal(outputs.extras.drawn, 1.0)


def test_half_of_the_rows_see_the_mean_in_training_only():
  hard, params = _tiny('darqn_hard')
  soft, _ = _tiny('darqn_soft')
  keys = {
    'glimpse': jax.random.key(0),
    'soft_share': jax.random.key(1),
  }
  outputs, _, _ = _run(hard, params, rows=1, batch=400, rngs=keys)
  shares = outputs.extras.drawn
  assert abs(float(shares.mean()) - 0.5) < 0.1
  soft_params = {k: v for k, v in params.items() if k != 'baseline'}
  means, _, _ = _run(soft, soft_params, rows=1, batch=400)
  same = np.all(
    np.isclose(outputs.policy_logits, means.policy_logits, atol=1e-5), axis=-1
  )
  np.testing.assert_array_equal(same, shares == 0.0)
  acting, _, _ = _run(
    hard, params, rows=1, batch=400, rngs={'glimpse': jax.random.key(0)}
  )
  np.testing.assert_array_equal(acting.extras.drawn, 1.0)


def test_without_a_key_the_likeliest_location_is_seen():
  network, params = _tiny('darqn_hard')
  _, _, sown = _run(network, params)
  weights, location = sown['attention'][0], sown['location'][0]
  flat = weights.reshape(*weights.shape[:2], -1)
  np.testing.assert_array_equal(
    np.argmax(location.reshape(flat.shape), -1), np.argmax(flat, -1)
  )


def _gradient(network, params, of):
  inputs = tiny.random_inputs(3, 2, _FRAMES)

  def loss(params, state):
    outputs, _ = network.apply({'params': params}, inputs, state)
    return of(outputs)

  start = _start(network, 2, 0.1)
  return jax.device_get(jax.jit(jax.grad(loss, argnums=(0, 1)))(params, start))


def test_no_gradient_of_attention_goes_into_the_state_before():
  """One row: the location's probability depends on h_{t-1}, with none back."""
  network, params = _tiny('darqn_hard')
  inputs = tiny.random_inputs(1, 2, _FRAMES)

  @jax.jit
  @jax.value_and_grad
  def log_prob(hidden):
    state = network.initial_state(2)._replace(hidden=hidden)
    outputs, _ = network.apply({'params': params}, inputs, state)
    return jnp.sum(outputs.extras.log_prob)

  zeros = np.zeros((2, 6), np.float32)
  value, gradient = log_prob(zeros)
  other, _ = log_prob(zeros + 1.0)
  assert abs(value - other) > 1e-4
  np.testing.assert_array_equal(gradient, 0.0)


def test_the_learned_baseline_changes_itself_only():
  network, params = _tiny('darqn_hard')
  grads, _ = _gradient(network, params, lambda out: jnp.sum(out.baseline))
  own = grads.pop('baseline')
  assert np.abs(own['kernel']).max() > 0
  assert not any(np.any(x) for x in jax.tree.leaves(grads))


def test_convolutions_hear_of_the_location_as_well():
  network, params = _tiny('darqn_hard')
  grads, _ = _gradient(
    network, params, lambda out: jnp.sum(out.extras.log_prob)
  )
  for name in ('torso', 'attend'):
    assert any(np.any(x) for x in jax.tree.leaves(grads[name])), name
  assert not any(np.any(x) for x in jax.tree.leaves(grads['q']))


def test_the_lstm_starts_as_torchs_does():
  network, _ = _tiny('drqn', lstm_size=64)
  inputs = tiny.random_inputs(1, 1, _FRAMES)
  state = network.initial_state(1)

  @jax.jit
  def draw(key):
    return network.init(key, inputs, state)['params']['core']['lstm']

  for leaf in jax.tree.leaves(jax.device_get(draw(jax.random.key(0)))):
    assert np.abs(leaf).max() <= 0.08
    assert np.abs(leaf).max() > 0.07
    assert abs(float(leaf.std()) - 0.08 / 3**0.5) < 0.01


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'attention': 'softt'}, "did you mean 'soft'"),
    ({'lstm_size': 0}, 'the state of the LSTM is what attends'),
    ({'hidden_size': 8}, 'attention takes the place'),
    ({'soft_share': 1.5}, 'soft_share=1.5'),
    ({'conv_strides': (4,)}, 'as many entries'),
    ({'attention_size': 0}, 'attention_size=0: expected 1 to'),
  ],
)
def test_sizes_that_make_no_network_are_refused(options, words):
  network = dataclasses.replace(
    agents.make('darqn_soft', 'paper').network, **options
  )
  with pytest.raises(errors.ConfigError, match=words):
    ranges.check_section(network)
    network.validate()


def test_kernels_must_fit_the_padded_frame():
  network = agents.make('darqn_soft', 'paper').network
  network.validate_frames(84, 84)
  with pytest.raises(errors.ConfigError, match='at most 2 in layer 2'):
    network.validate_frames(28, 84)
