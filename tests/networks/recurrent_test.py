import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks import recurrent

_ROWS, _BATCH, _FEATURES = 5, 3, 4


def _sigmoid(x):
  return 1.0 / (1.0 + np.exp(-x))


def _random_like(tree, seed):
  leaves, structure = jax.tree_util.tree_flatten(tree)
  keys = jax.random.split(jax.random.key(seed), len(leaves))
  return structure.unflatten(
    [
      0.3 * jax.random.normal(key, leaf.shape)
      for key, leaf in zip(keys, leaves, strict=True)
    ]
  )


@pytest.fixture(name='conv_problem')
def _conv_problem():
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(_ROWS, _BATCH, 5, 4, 2)).astype(np.float32)
  is_first = np.zeros((_ROWS, _BATCH), bool)
  is_first[0, 0] = is_first[2, 1] = is_first[3, 1] = is_first[4, 2] = True
  module = recurrent.ConvLSTM(_FEATURES, 'lax')
  zeros = recurrent.zero_state((_BATCH, 5, 4, _FEATURES))
  state = _random_like(zeros, 1)
  params = _random_like(
    jax.eval_shape(module.init, jax.random.key(0), inputs, is_first, zeros), 2
  )
  return params, inputs, is_first, state


def test_conv_lstm_equals_flax_cell(conv_problem):
  params, inputs, is_first, state = conv_problem
  outputs, last = recurrent.ConvLSTM(_FEATURES, 'lax').apply(*conv_problem)
  cell = nn.ConvLSTMCell(_FEATURES, (3, 3))
  ours = params['params']
  theirs = {'params': {'ih': ours['conv_x'], 'hh': ours['step']['conv_h']}}
  carry = (state.cell, state.hidden)
  for row in range(_ROWS):
    keep = 1.0 - is_first[row].astype(np.float32)[:, None, None, None]
    carry = tuple(keep * np.asarray(leaf) for leaf in carry)
    carry, expected = cell.apply(theirs, carry, inputs[row])
    np.testing.assert_allclose(outputs[row], expected, atol=1e-5)
  np.testing.assert_allclose(last.cell, carry[0], atol=1e-5)
  np.testing.assert_allclose(last.hidden, carry[1], atol=1e-5)


@pytest.mark.parametrize('method', ['lax', 'patches'])
@pytest.mark.parametrize('remat', [False, True])
def test_options_change_no_value_and_no_gradient(conv_problem, method, remat):
  params, inputs, is_first, state = conv_problem

  def loss(params, state, module):
    outputs, last = module.apply(params, inputs, is_first, state)
    return jnp.sum(jnp.sin(3.0 * outputs)) + jnp.sum(last.cell**2)

  def value_and_grad(module):
    function = jax.value_and_grad(loss, argnums=(0, 1))
    return jax.jit(function, static_argnums=2)(params, state, module)

  expected = value_and_grad(recurrent.ConvLSTM(_FEATURES, 'lax', False))
  actual = value_and_grad(recurrent.ConvLSTM(_FEATURES, method, remat))
  jax.tree_util.tree_map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), actual, expected
  )


def test_remat_recomputes(conv_problem):
  params, inputs, is_first, state = conv_problem

  def jaxpr(remat):
    module = recurrent.ConvLSTM(_FEATURES, 'lax', remat)

    def loss(params):
      return jnp.sum(module.apply(params, inputs, is_first, state)[0])

    return str(jax.make_jaxpr(jax.grad(loss))(params))

  assert 'remat' not in jaxpr(False) and 'checkpoint' not in jaxpr(False)
  assert 'remat' in jaxpr(True) or 'checkpoint' in jaxpr(True)


def test_lstm_equals_numpy():
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(_BATCH, 6)).astype(np.float32)
  state = recurrent.LSTMState(
    *rng.normal(size=(2, _BATCH, _FEATURES)).astype(np.float32)
  )
  module = recurrent.LSTM(_FEATURES)
  params = _random_like(module.init(jax.random.key(0), inputs, state), 1)
  with jax.numpy_rank_promotion('raise'):
    after = module.apply(params, inputs, state)
  dense = jax.tree_util.tree_map(np.asarray, params['params']['gates'])
  joined = np.concatenate([inputs, state.hidden], axis=1)
  gates = joined @ dense['kernel'] + dense['bias']
  i, g, f, o = (gates[:, k * _FEATURES : (k + 1) * _FEATURES] for k in range(4))
  cell = _sigmoid(f + 1.0) * state.cell + _sigmoid(i) * np.tanh(g)
  np.testing.assert_allclose(after.cell, cell, atol=1e-5)
  np.testing.assert_allclose(
    after.hidden, _sigmoid(o) * np.tanh(cell), atol=1e-5
  )


def test_reset_zeroes_only_first_rows():
  state = recurrent.LSTMState(jnp.ones((3, 2, 2, 1)), jnp.ones((3, 4)))
  with jax.numpy_rank_promotion('raise'):
    after = recurrent.reset(jnp.array([True, False, True]), state)
  for leaf in after:
    sums = np.sum(np.asarray(leaf), axis=tuple(range(1, leaf.ndim)))
    np.testing.assert_array_equal(sums, [0.0, 4.0, 0.0])
