"""The first layer in blocks equals convolution and pooling one by one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks.cpu_kernels import canonical, pixel_blocks


@functools.partial(jax.jit, static_argnames='dtype')
def _plain(pixels, kernel, gradient, dtype):
  """In float32, but for a rounding of the outputs before pooling."""

  def forward(kernel):
    outputs = canonical.plain(
      pixels.astype(np.float32), kernel, ((1, 1), (1, 1))
    )
    # XLA leaves casts there and back out.
    rounded = jax.lax.reduce_precision(
      outputs, jnp.finfo(dtype).nexp, jnp.finfo(dtype).nmant
    )
    return nn.max_pool(rounded, (3, 3), (2, 2), 'SAME')

  outputs, pull_back = jax.vjp(forward, kernel)
  return outputs, pull_back(gradient)[0]


@jax.jit
def _in_blocks(pixels, kernel, gradient):
  """Outputs with a gradient, the gradient, and outputs without one."""
  outputs, pull_back = jax.vjp(
    lambda kernel: pixel_blocks.convolve_and_pool(pixels, kernel), kernel
  )
  alone = pixel_blocks.convolve_and_pool(pixels, kernel)
  return outputs, pull_back(gradient)[0], alone


# 37 images are more than are done at a time, with some over.
@pytest.mark.parametrize(
  'shape', [(37, 6, 4, 3), (16, 4, 4, 1), (2, 2, 8, 4), (1, 2, 2, 2)]
)
@pytest.mark.parametrize('brightest', [2, 256])
@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_values_and_gradients_are_exact_ties_included(shape, brightest, dtype):
  rng = np.random.default_rng(0)
  # Whole numbers, so that sums are exact in any order and ties are many.
  pixels = rng.integers(0, brightest, shape, np.uint8)
  kernel = rng.integers(-2, 3, (3, 3, shape[-1], 5)).astype(np.float32)
  images, height, width, _ = shape
  pooled = (images, height // 2, width // 2, 5)
  gradient = rng.integers(1, 99, pooled).astype(np.float32)
  expected, wanted = _plain(pixels, kernel, gradient, dtype)
  outputs, found, alone = _in_blocks(
    pixels, kernel.astype(dtype), gradient.astype(dtype)
  )
  assert outputs.dtype == dtype
  np.testing.assert_array_equal(outputs, expected)
  np.testing.assert_array_equal(alone, expected)
  assert found.dtype == dtype
  if dtype == jnp.float32:
    np.testing.assert_array_equal(found, wanted)
  else:
    # Each sum of a window's and each chunk's is rounded once.
    error = np.linalg.norm(found.astype(np.float32) - wanted)
    assert error < 0.005 * np.linalg.norm(wanted)
