import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.special

from attn_agents.networks.layers import residual
from tests.networks.layers import residual_reference


def _inputs(*shape):
  rng = np.random.default_rng(shape[-1])
  return rng.normal(size=shape).astype(np.float32)


def _random_params(module, inputs):
  """Kernels of unit gain and nonzero biases, drawn in NumPy."""
  shapes = jax.eval_shape(module.init, jax.random.key(0), inputs)
  rng = np.random.default_rng(1)

  def draw(leaf):
    scale = max(1, np.prod(leaf.shape[:-1])) ** -0.5
    return (scale * rng.normal(size=leaf.shape)).astype(leaf.dtype)

  return jax.tree_util.tree_map(draw, shapes['params'])


def _apply(module, params, inputs, **kwargs):
  with jax.numpy_rank_promotion('raise'):
    return jax.jit(lambda p, x: module.apply({'params': p}, x, **kwargs))(
      params, inputs
    )


def _count(tree):
  return sum(leaf.size for leaf in jax.tree_util.tree_leaves(tree))


def test_block_equals_numpy():
  module, inputs = residual.ResidualBlock(3), _inputs(2, 5, 4, 3)
  params = _random_params(module, inputs)
  expected = residual_reference.block(inputs, params)
  np.testing.assert_allclose(
    _apply(module, params, inputs), expected, atol=1e-5
  )


@pytest.mark.parametrize('resample', [False, True])
@pytest.mark.parametrize('num_blocks', [1, 2])
def test_mask_equals_numpy(resample, num_blocks):
  module = residual.MaskBranch(3, num_blocks, resample)
  inputs = _inputs(2, 7, 6, 3)
  params = _random_params(module, inputs)
  mask = _apply(module, params, inputs)
  np.testing.assert_allclose(
    mask,
    residual_reference.mask(inputs, params, num_blocks, resample),
    atol=1e-5,
  )
  assert np.std(mask) > 0.1


@pytest.mark.parametrize('size', [(21, 21), (11, 11), (7, 6), (1, 2)])
def test_mask_interpolates_half_pixel_bilinearly(size):
  """With blocks and convolutions that change nothing, only resampling stays."""
  module = residual.MaskBranch(2, 1, resample=True)
  inputs = np.abs(_inputs(1, *size, 2))
  params = jax.tree_util.tree_map(np.zeros_like, _random_params(module, inputs))
  for name in ('conv_0', 'conv_1'):
    params[name]['kernel'] = np.eye(2, dtype=np.float32).reshape(1, 1, 2, 2)
  interpolated = scipy.special.logit(
    np.asarray(_apply(module, params, inputs), np.float64)
  )
  pooled = residual_reference.max_pool(inputs)
  expected = residual_reference.bilinear(pooled, *size)
  np.testing.assert_allclose(interpolated, expected, atol=1e-5)
  # The slow form itself, against another library.
  zoom = [new / old for new, old in zip(size, pooled.shape[1:3], strict=True)]
  scipys = scipy.ndimage.zoom(
    pooled, (1, *zoom, 1), order=1, mode='nearest', grid_mode=True
  )
  np.testing.assert_allclose(expected, scipys, atol=1e-6)


@pytest.mark.parametrize(
  ('attention', 'num_blocks'),
  [('none', 3), ('residual', 2), ('residual_simple', 1)],
)
def test_section_equals_numpy(attention, num_blocks):
  module = residual.Section(3, num_blocks, attention, 1)
  inputs = _inputs(2, 11, 10, 2)
  params = _random_params(module, inputs)
  np.testing.assert_allclose(
    _apply(module, params, inputs),
    residual_reference.section(inputs, params, num_blocks, attention, 1),
    atol=1e-4,
  )


def test_section_has_its_size_without_mask():
  module = residual.Section(32, 2, 'none', 1)
  params = _random_params(module, _inputs(1, 4, 4, 16))
  assert {name: _count(layer) for name, layer in params.items()} == {
    'conv': 4_640,
    'block_0': 18_496,
    'block_1': 18_496,
  }


@pytest.mark.parametrize(('features', 'expected'), [(16, 5_184), (32, 20_608)])
@pytest.mark.parametrize('attention', residual.ATTENTIONS[1:])
def test_mask_has_its_size(features, expected, attention):
  module = residual.Section(features, 2, attention, 1)
  params = _random_params(module, _inputs(1, 4, 4, 4))
  assert _count(params['mask_branch']) == expected


@pytest.mark.parametrize('attention', residual.ATTENTIONS[1:])
def test_attention_is_one_plus_mask_times_trunk(attention):
  module = residual.Section(3, 2, attention, 1)
  inputs = _inputs(2, 9, 8, 2)
  params = _random_params(module, inputs)
  outputs, sown = _apply(module, params, inputs, mutable=['intermediates'])
  sown = {name: np.asarray(x[0]) for name, x in sown['intermediates'].items()}
  assert set(sown) == {'mask', 'trunk'}
  assert sown['mask'].shape == sown['trunk'].shape == outputs.shape
  np.testing.assert_array_equal(outputs, (1 + sown['mask']) * sown['trunk'])
  assert 0 < np.min(sown['mask']) < np.max(sown['mask']) < 1
  plain = residual.Section(3, 2, 'none', 1)
  trunk_params = {k: v for k, v in params.items() if k != 'mask_branch'}
  trunk = _apply(plain, trunk_params, inputs)
  np.testing.assert_allclose(sown['trunk'], trunk, atol=1e-5)


def test_section_without_attention_sows_nothing():
  module = residual.Section(3, 2, 'none', 1)
  inputs = _inputs(1, 4, 4, 2)
  params = _random_params(module, inputs)
  _, sown = _apply(module, params, inputs, mutable=['intermediates'])
  assert not sown


def test_leading_axes():
  module, inputs = residual.Section(3, 1, 'residual', 1), _inputs(2, 3, 6, 5, 2)
  flat = jnp.reshape(inputs, (6, 6, 5, 2))
  params = _random_params(module, inputs)
  outputs = _apply(module, params, inputs)
  assert outputs.shape == (2, 3, 3, 3, 3)
  np.testing.assert_allclose(
    jnp.reshape(outputs, (6, 3, 3, 3)),
    _apply(module, params, flat),
    atol=1e-5,
  )


def test_refuses_unknown_attention():
  module = residual.Section(3, 2, 'soft', 1)
  with pytest.raises(ValueError, match='residual_simple'):
    module.init(jax.random.key(0), _inputs(1, 4, 4, 2))
