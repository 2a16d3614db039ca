"""The first layer in blocks equals convolution and pooling one by one."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks import canonical, pixel_blocks


def _plain(pixels, kernel):
  outputs = canonical.plain(pixels.astype(np.float32), kernel, ((1, 1), (1, 1)))
  return nn.max_pool(outputs, (3, 3), (2, 2), 'SAME')


# 37 images are more than are done at a time, with some over.
@pytest.mark.parametrize(
  'shape', [(37, 6, 4, 3), (16, 4, 4, 1), (2, 2, 8, 4), (1, 2, 2, 2)]
)
@pytest.mark.parametrize('brightest', [2, 256])
def test_values_and_gradients_are_exact_ties_included(shape, brightest):
  rng = np.random.default_rng(0)
  # Whole numbers, so that sums are exact in any order and ties are many.
  pixels = rng.integers(0, brightest, shape, np.uint8)
  kernel = rng.integers(-2, 3, (3, 3, shape[-1], 5)).astype(np.float32)
  expected, pull_back = jax.vjp(lambda kernel: _plain(pixels, kernel), kernel)
  gradient = rng.integers(1, 99, expected.shape).astype(np.float32)
  outputs, ours = jax.vjp(
    lambda kernel: pixel_blocks.convolve_and_pool(pixels, kernel), kernel
  )
  np.testing.assert_array_equal(outputs, expected)
  np.testing.assert_array_equal(
    pixel_blocks.convolve_and_pool(pixels, kernel), expected
  )
  np.testing.assert_array_equal(ours(gradient)[0], pull_back(gradient)[0])
