import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks import convolution


def _slow_convolution(inputs, kernel):
  batch, height, width, _ = inputs.shape
  rows, columns, _, features = kernel.shape
  outputs = np.zeros((batch, height, width, features))
  for i in range(height):
    for j in range(width):
      for di in range(rows):
        for dj in range(columns):
          y, x = i + di - (rows - 1) // 2, j + dj - (columns - 1) // 2
          if 0 <= y < height and 0 <= x < width:
            outputs[:, i, j] += inputs[:, y, x] @ kernel[di, dj]
  return outputs


@pytest.mark.parametrize('method', ['lax', 'patches'])
@pytest.mark.parametrize('size', [(3, 3), (5, 3), (4, 2), (1, 1)])
def test_equals_loops(method, size):
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
  kernel = rng.normal(size=(*size, 3, 4)).astype(np.float32)
  with jax.numpy_rank_promotion('raise'):
    outputs = convolution.convolve(inputs, kernel, method)
  np.testing.assert_allclose(
    outputs, _slow_convolution(inputs, kernel), atol=1e-5
  )


def test_patches_have_the_gradients_of_lax():
  rng = np.random.default_rng(1)
  inputs = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
  kernel = rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
  weights = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)

  def loss(inputs, kernel, method):
    outputs = convolution.convolve(inputs, kernel, method)
    return jnp.sum(weights * jnp.sin(outputs))

  patches = jax.grad(loss, argnums=(0, 1))(inputs, kernel, 'patches')
  lax = jax.grad(loss, argnums=(0, 1))(inputs, kernel, 'lax')
  for ours, theirs in zip(patches, lax, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize('method', ['lax', 'patches'])
def test_module_reads_the_parameters_of_flax_conv(method):
  inputs = jax.random.normal(jax.random.key(0), (2, 6, 5, 3))
  reference = nn.Conv(4, (3, 3))
  params = reference.init(jax.random.key(1), inputs)
  params['params']['bias'] = jnp.arange(4.0)
  module = convolution.Convolution(4, (3, 3), method)
  assert jax.tree_util.tree_map(
    jnp.shape, module.init(jax.random.key(2), inputs)
  ) == jax.tree_util.tree_map(jnp.shape, params)
  np.testing.assert_allclose(
    module.apply(params, inputs), reference.apply(params, inputs), atol=1e-5
  )


def test_auto_follows_the_backend(monkeypatch):
  monkeypatch.setattr(jax, 'default_backend', lambda: 'cpu')
  assert convolution.resolve_method('auto') == 'patches'
  assert convolution.resolve_method('lax') == 'lax'
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert convolution.resolve_method('auto') == 'lax'
  assert convolution.resolve_method('patches') == 'patches'


def test_refuses_unknown_method():
  with pytest.raises(ValueError, match='patches'):
    convolution.resolve_method('winograd')
