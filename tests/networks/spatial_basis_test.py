import math

import numpy as np
import pytest

from attn_agents.networks import spatial_basis


def _slow_basis(height, width, frequencies):
  basis = np.zeros((height, width, 64))
  for i in range(height):
    for j in range(width):
      for a in range(8):
        for b in range(8):
          wave_a = math.cos if a < 4 else math.sin
          wave_b = math.cos if b < 4 else math.sin
          basis[i, j, 8 * a + b] = wave_a(
            math.pi * frequencies[a % 4] * i / height
          ) * wave_b(math.pi * frequencies[b % 4] * j / width)
  return basis


@pytest.mark.parametrize('size', [(27, 20), (11, 11)])
@pytest.mark.parametrize(
  ('name', 'frequencies', 'rank'),
  [('one_to_four', (1, 2, 3, 4), 64), ('even_zero', (0, 1, 2, 3), 49)],
)
def test_equals_equation_seven(size, name, frequencies, rank):
  basis = spatial_basis.spatial_basis(*size, name)
  assert basis.dtype == np.float32
  np.testing.assert_allclose(basis, _slow_basis(*size, frequencies), atol=1e-6)
  flat = basis.reshape(-1, spatial_basis.CHANNELS).astype(np.float64)
  # Between float32 rounding (1e-7) and the least true singular value (3e-5).
  tolerance = 1e-5 * np.linalg.norm(flat, ord=2)
  assert np.linalg.matrix_rank(flat, tol=tolerance) == rank


def test_refuses_unknown_basis():
  with pytest.raises(ValueError, match='one_to_four'):
    spatial_basis.spatial_basis(4, 4, 'one_to_five')
