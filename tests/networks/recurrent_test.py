import jax
import jax.numpy as jnp
import numpy as np

from attn_agents.networks import recurrent

_BATCH, _FEATURES = 3, 4


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
