import math

import numpy as np
import pytest

from attn_agents.networks.layers import spatial_basis


def _slow_basis(height, width, frequencies):
  """`frequencies`: those of the four cosines, then those of the four sines."""
  basis = np.zeros((height, width, 64))
  for i in range(height):
    for j in range(width):
      for a in range(8):
        for b in range(8):
          wave_a = math.cos if a < 4 else math.sin
          wave_b = math.cos if b < 4 else math.sin
          basis[i, j, 8 * a + b] = wave_a(
            math.pi * frequencies[a] * i / height
          ) * wave_b(math.pi * frequencies[b] * j / width)
  return basis


@pytest.mark.parametrize('size', [(27, 20), (11, 11)])
@pytest.mark.parametrize(
  ('name', 'frequencies'),
  [
    ('one_to_four', (1, 2, 3, 4, 1, 2, 3, 4)),
    ('even_zero', (0, 1, 2, 3, 1, 2, 3, 4)),
  ],
)
def test_equals_equation_seven(size, name, frequencies):
  basis = spatial_basis.spatial_basis(*size, name)
  assert basis.dtype == np.float32
  slow = _slow_basis(*size, frequencies)
  np.testing.assert_allclose(basis, slow, atol=1e-6)
  # In float64, since rounding to float32 hides small singular values.
  assert np.linalg.matrix_rank(slow.reshape(-1, 64)) == 64


def test_refuses_unknown_basis():
  with pytest.raises(ValueError, match='one_to_four'):
    spatial_basis.spatial_basis(4, 4, 'one_to_five')
