"""The first layer in blocks equals convolution and pooling one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks.cpu_kernels import canonical, pixel_blocks


def _plain(pixels, kernel, dtype):
  """In float32, but for a rounding of the outputs before pooling."""
  outputs = canonical.plain(pixels.astype(np.float32), kernel, ((1, 1), (1, 1)))
  rounded = outputs.astype(dtype).astype(np.float32)
  return nn.max_pool(rounded, (3, 3), (2, 2), 'SAME')


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
  expected, pull_back = jax.vjp(lambda k: _plain(pixels, k, dtype), kernel)
  gradient = rng.integers(1, 99, expected.shape).astype(np.float32)
  rounded = jnp.asarray(kernel, dtype)
  outputs, ours = jax.vjp(
    lambda k: pixel_blocks.convolve_and_pool(pixels, k), rounded
  )
  assert outputs.dtype == dtype
  np.testing.assert_array_equal(outputs, expected)
  np.testing.assert_array_equal(
    pixel_blocks.convolve_and_pool(pixels, rounded), expected
  )
  (found,), (wanted,) = ours(gradient.astype(dtype)), pull_back(gradient)
  assert found.dtype == dtype
  if dtype == jnp.float32:
    np.testing.assert_array_equal(found, wanted)
  else:
    # Each sum of a window's and each chunk's is rounded once.
    error = np.linalg.norm(found.astype(np.float32) - wanted)
    assert error < 0.005 * np.linalg.norm(wanted)
