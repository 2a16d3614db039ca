"""The fixed spatial basis of S3TA: where a cell is, as Fourier products."""

import numpy as np

_FREQUENCIES = {
  'one_to_four': np.arange(1, 5),
  'even_zero': np.arange(0, 4),
}

# Cosines and sines of four frequencies along each axis, in all pairs.
CHANNELS = 64


def spatial_basis(height: int, width: int, basis: str) -> np.ndarray:
  """Builds S of Mott et al. 2019, Eq. 7, the same for keys and values.

  S[i, j, 8 a + b] = f_a(i / height) f_b(j / width), where f_0..f_3 are
  cos(pi u x) and f_4..f_7 are sin(pi u x) over the four frequencies u.

  Args:
    height: cells along i.
    width: cells along j.
    basis: 'one_to_four' (u = 1..4, rank 64) or 'even_zero' (u = 0..3; sin(0)
      makes 15 channels zero, rank 49); the paper leaves the range open.

  Returns:
    float32 [height, width, 64].

  Raises:
    ValueError: if `basis` is unknown.
  """
  if basis not in _FREQUENCIES:
    raise ValueError(
      f'basis is {basis!r}, must be one of {tuple(_FREQUENCIES)}.'
    )
  frequencies = _FREQUENCIES[basis]
  rows = _waves(height, frequencies)
  columns = _waves(width, frequencies)
  products = rows[:, None, :, None] * columns[None, :, None, :]
  return products.reshape(height, width, CHANNELS).astype(np.float32)


def _waves(size: int, frequencies: np.ndarray) -> np.ndarray:
  phase = np.pi * np.outer(np.arange(size) / size, frequencies)
  return np.concatenate([np.cos(phase), np.sin(phase)], axis=-1)
