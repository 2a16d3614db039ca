import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from attn_agents.networks.layers import recurrent
from tests.networks import tiny

_BATCH, _FEATURES = 3, 4


def _sigmoid(x):
  return 1.0 / (1.0 + np.exp(-x))


def test_lstm_equals_numpy():
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(_BATCH, 6)).astype(np.float32)
  state = recurrent.LSTMState(
    *rng.normal(size=(2, _BATCH, _FEATURES)).astype(np.float32)
  )
  module = recurrent.LSTM(_FEATURES)
  shapes = jax.eval_shape(module.init, jax.random.key(0), inputs, state)
  params = tiny.random_like(shapes, 1)
  with jax.numpy_rank_promotion('raise'):
    after = jax.jit(module.apply)(params, inputs, state)
  dense = jax.tree_util.tree_map(np.asarray, params['params']['gates'])
  joined = np.concatenate([inputs, state.hidden], axis=1)
  gates = joined @ dense['kernel'] + dense['bias']
  i, g, f, o = (gates[:, k * _FEATURES : (k + 1) * _FEATURES] for k in range(4))
  cell = _sigmoid(f + 1.0) * state.cell + _sigmoid(i) * np.tanh(g)
  np.testing.assert_allclose(after.cell, cell, atol=1e-5)
  np.testing.assert_allclose(
    after.hidden, _sigmoid(o) * np.tanh(cell), atol=1e-5
  )


def test_coupled_gates_equal_numpy():
  rng = np.random.default_rng(0)
  gates = rng.normal(size=(_BATCH, 3 * _FEATURES)).astype(np.float32)
  before = rng.uniform(-1, 1, (_BATCH, _FEATURES)).astype(np.float32)
  after = recurrent.update_coupled(gates, before)
  g, f, o = (gates[:, k * _FEATURES : (k + 1) * _FEATURES] for k in range(3))
  kept = _sigmoid(f + 1.0)
  cell = kept * before + (1.0 - kept) * np.tanh(g)
  np.testing.assert_allclose(after.cell, cell, atol=1e-6)
  np.testing.assert_allclose(
    after.hidden, _sigmoid(o) * np.tanh(cell), atol=1e-6
  )


def test_coupled_cells_stay_bounded_where_others_grow():
  # Gates that keep everything and let everything in, for a long episode.
  cell = {3: jnp.zeros((1, 1)), 4: jnp.zeros((1, 1))}
  update = jax.jit(recurrent.update_by_gates)
  for _ in range(200):
    coupled = update(np.full((1, 3), 3.0, np.float32), cell[3])
    free = update(np.full((1, 4), 3.0, np.float32), cell[4])
    cell = {3: coupled.cell, 4: free.cell}
  assert 0.9 < float(cell[3][0, 0]) <= 1.0
  assert float(cell[4][0, 0]) > 10.0


def test_reset_zeroes_only_first_rows():
  state = recurrent.LSTMState(jnp.ones((3, 2, 2, 1)), jnp.ones((3, 4)))
  with jax.numpy_rank_promotion('raise'):
    after = recurrent.reset(jnp.array([True, False, True]), state)
  for leaf in after:
    sums = np.sum(np.asarray(leaf), axis=tuple(range(1, leaf.ndim)))
    np.testing.assert_array_equal(sums, [0.0, 4.0, 0.0])


class _Row(nn.Module):
  """An LSTM that resets, and a layer that sees what came before it too."""

  @nn.compact
  def __call__(self, state, row):
    inputs, is_first = row
    before = recurrent.reset(is_first, state)
    seen = nn.Dense(5, name='see')(
      jnp.concatenate([inputs, before.hidden], axis=-1)
    )
    after = recurrent.LSTM(_FEATURES, name='lstm')(jnp.tanh(seen), before)
    return after, {'hidden': after.hidden, 'seen': seen}


class _Over(nn.Module):
  @nn.compact
  def __call__(self, state, inputs):
    return recurrent.over_time(_Row(name='row'), state, inputs)


def test_gradients_gathered_after_the_loop_are_those_of_a_plain_one():
  rng = np.random.default_rng(1)
  rows = 6
  inputs = rng.normal(size=(rows, _BATCH, 2)).astype(np.float32)
  is_first = rng.random((rows, _BATCH)) < 0.3
  state = recurrent.LSTMState(
    *rng.normal(size=(2, _BATCH, _FEATURES)).astype(np.float32)
  )
  params = jax.eval_shape(
    _Over().init, jax.random.key(0), state, (inputs, is_first)
  )
  params = tiny.random_like(params, 2)
  # Every output and both states count, each element differently.
  shapes = jax.eval_shape(_Over().apply, params, state, (inputs, is_first))
  weights = tiny.random_like(shapes, 3)

  def plain(params, state, inputs):
    outputs = []
    for t in range(rows):
      row = (inputs[t], is_first[t])
      state, output = _Row().apply(
        {'params': params['params']['row']}, state, row
      )
      outputs.append(output)
    return state, jax.tree_util.tree_map(lambda *x: jnp.stack(x), *outputs)

  def ours(params, state, inputs):
    return _Over().apply(params, state, (inputs, is_first))

  def loss(run, *args):
    products = jax.tree_util.tree_map(
      lambda x, w: jnp.sum(w * jnp.sin(x)), run(*args), weights
    )
    return sum(jax.tree_util.tree_leaves(products))

  found, wanted = (
    jax.jit(
      jax.value_and_grad(functools.partial(loss, run), argnums=(0, 1, 2))
    )(params, state, inputs)
    for run in (ours, plain)
  )
  jax.tree_util.tree_map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    found,
    wanted,
  )
