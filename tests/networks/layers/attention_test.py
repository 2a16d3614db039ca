import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.networks.layers import attention, spatial_basis
from configs import errors
from configs.agents import s3ta

_BATCH, _HEADS, _HEIGHT, _WIDTH, _CHANNELS, _KEYS = 2, 3, 5, 4, 14, 6
_CELLS = _HEIGHT * _WIDTH


@pytest.fixture(name='problem')
def _problem():
  rng = np.random.default_rng(0)
  basis = spatial_basis.spatial_basis(_HEIGHT, _WIDTH, 'one_to_four')
  queries = 0.3 * rng.normal(size=(_BATCH, _HEADS, _KEYS + 64))
  features = rng.normal(size=(_BATCH, _CELLS, _CHANNELS))
  return (
    queries.astype(np.float32),
    features.astype(np.float32),
    basis.reshape(_CELLS, 64),
  )


def _slow_attend(queries, features, basis):
  answers = np.zeros((_BATCH, _HEADS, _CHANNELS - _KEYS + 64))
  maps = np.zeros((_BATCH, _HEADS, _CELLS))
  for b in range(_BATCH):
    for q in range(_HEADS):
      logits = np.zeros(_CELLS)
      for s in range(_CELLS):
        key = np.concatenate([features[b, s, :_KEYS], basis[s]])
        for k in range(_KEYS + 64):
          logits[s] += queries[b, q, k] * key[k]
      weights = np.exp(logits) / np.sum(np.exp(logits))
      for s in range(_CELLS):
        value = np.concatenate([features[b, s, _KEYS:], basis[s]])
        answers[b, q] += weights[s] * value
      maps[b, q] = weights
  return answers, maps


def test_attend_equals_loops(problem):
  with jax.numpy_rank_promotion('raise'):
    answers, maps = attention.attend(*problem)
  slow_answers, slow_maps = _slow_attend(*problem)
  np.testing.assert_allclose(answers, slow_answers, atol=1e-5)
  np.testing.assert_allclose(maps, slow_maps, atol=1e-6)
  assert np.max(slow_maps) > 3 / _CELLS


def test_attend_equals_concatenated_form(problem):
  queries, features, basis = problem
  keys, values = attention.keys_and_values(
    features.reshape(_BATCH, _HEIGHT, _WIDTH, _CHANNELS),
    basis.reshape(_HEIGHT, _WIDTH, 64),
    _KEYS,
  )
  assert keys.shape == (_BATCH, _HEIGHT, _WIDTH, _KEYS + 64)
  assert values.shape == (_BATCH, _HEIGHT, _WIDTH, _CHANNELS - _KEYS + 64)
  logits = np.einsum('bqk,bijk->bqij', queries, keys)
  weights = np.exp(logits)
  weights /= np.sum(weights, axis=(2, 3), keepdims=True)
  expected = np.einsum('bqij,bijv->bqv', weights, values)
  answers, maps = attention.attend(*problem)
  np.testing.assert_allclose(answers, expected, atol=1e-5)
  np.testing.assert_allclose(
    maps, weights.reshape(_BATCH, _HEADS, _CELLS), atol=1e-6
  )


def test_order_of_cells_does_not_matter():
  rng = np.random.default_rng(1)
  cells = 540
  queries = (0.3 * rng.normal(size=(2, 4, 72))).astype(np.float32)
  features = rng.normal(size=(2, cells, 128)).astype(np.float32)
  basis = spatial_basis.spatial_basis(27, 20, 'one_to_four').reshape(cells, 64)
  order = rng.permutation(cells)
  answers, maps = attention.attend(queries, features, basis)
  permuted_answers, permuted_maps = attention.attend(
    queries, features[:, order], basis[order]
  )
  np.testing.assert_allclose(permuted_answers, answers, atol=1e-5)
  np.testing.assert_allclose(permuted_maps, maps[..., order], atol=1e-6)
  # Place must count: without the basis moving along, the answers differ.
  moved, _ = attention.attend(queries, features[:, order], basis)
  assert np.max(np.abs(moved - answers)) > 0.01


def test_attention_sums_to_one(problem):
  _, maps = attention.attend(*problem)
  np.testing.assert_allclose(np.sum(maps, axis=-1), 1.0, atol=1e-6)


def test_even_ground_gives_nothing_and_few_cells_give_much():
  features = np.full((2, 4, 5, 3), 0.4, np.float32)
  features[0, 1, 2, 0] = 0.9
  features[1, :2, :, 0] = -0.9
  normed = np.asarray(attention.normalize_over_cells(jnp.asarray(features)))
  np.testing.assert_allclose(normed[..., 1:], 0.0, atol=1e-4)
  # One cell of twenty, and half of the cells: means 0, deviations 1.
  np.testing.assert_allclose(normed[0, 1, 2, 0], np.sqrt(19.0), rtol=0.01)
  np.testing.assert_allclose(normed[1, 0, 0, 0], -1.0, rtol=0.01)
  np.testing.assert_allclose(normed.mean((1, 2)), 0.0, atol=1e-5)
  np.testing.assert_allclose(normed[..., 0].std((1, 2)), 1.0, rtol=0.01)


def test_a_nearly_even_map_passes_one_object_only_if_normed():
  """One cell of 400 changes by 0.5; the map weighs cells by up to 10 %."""
  queries = np.full((1, 1, 1), 0.1, np.float32)
  keys = np.linspace(-1.0, 1.0, 400).reshape(20, 20)
  basis = np.zeros((400, 0), np.float32)

  def answer(norm, seen, keys):
    features = np.full((1, 20, 20, 2), 0.4, np.float32)
    features[..., 1] += np.random.default_rng(0).normal(0, 1e-3, (20, 20))
    features[0, 3, 4, 1] = seen
    features = np.array(attention.NORMS[norm](jnp.asarray(features)))
    features[..., 0] = keys
    flat = features.reshape(1, 400, 2)
    return float(attention.attend(queries, flat, basis)[0][0, 0, 0])

  def change(norm):
    return abs(answer(norm, 0.9, keys) - answer(norm, 0.4, keys))

  assert change('cells') > 2.0 * change('none') > 0.0
  # Relative to what is constant, the difference is of another order.
  constant = answer('none', 0.4, keys)
  assert change('none') / abs(constant) < 0.01
  assert change('cells') / abs(answer('cells', 0.4, keys)) > 0.1
  # An exactly even map sees nothing at all of normed features.
  assert abs(answer('cells', 0.9, np.zeros((20, 20)))) < 1e-5


def test_every_norm_that_a_config_may_name_exists():
  for name in attention.NORMS:
    s3ta.S3TAConfig(feature_norm=name).validate()
  with pytest.raises(errors.ConfigError) as caught:
    s3ta.S3TAConfig(feature_norm='batch').validate()
  for name in attention.NORMS:
    assert name in str(caught.value)
