"""The fixed spatial basis of S3TA: where a cell is, as Fourier products."""

import numpy as np

# Frequencies of the cosines and of the sines.
_FREQUENCIES = {
  'one_to_four': (np.arange(1, 5), np.arange(1, 5)),
  'even_zero': (np.arange(0, 4), np.arange(1, 5)),
}

# Cosines and sines of four frequencies along each axis, in all pairs.
CHANNELS = 64


def spatial_basis(height: int, width: int, basis: str) -> np.ndarray:
  """Builds S of Mott et al. 2019, Eq. 7, the same for keys and values.

  S[i, j, 8 a + b] = f_a(i / height) f_b(j / width), where f_0..f_3 are
  cos(pi u x) and f_4..f_7 are sin(pi u x) over four frequencies u each.

  Args:
    height: cells along i.
    width: cells along j.
    basis: 'one_to_four' takes u = 1..4 for both; 'even_zero' takes 0..3 for
      the even functions, the cosines, so that there is a constant and there
      are channels of the row or the column alone. Both have rank 64; the
      paper leaves the range open. (u = 0..3 for both would waste 15 channels
      on sin(0).)

  Returns:
    float32 [height, width, 64].

  Raises:
    ValueError: if `basis` is unknown.
  """
  if basis not in _FREQUENCIES:
    raise ValueError(
      f'basis is {basis!r}, must be one of {tuple(_FREQUENCIES)}.'
    )
  rows = _waves(height, *_FREQUENCIES[basis])
  columns = _waves(width, *_FREQUENCIES[basis])
  products = rows[:, None, :, None] * columns[None, :, None, :]
  return products.reshape(height, width, CHANNELS).astype(np.float32)


def _waves(size: int, even: np.ndarray, odd: np.ndarray) -> np.ndarray:
  phase = np.pi * np.arange(size)[:, None] / size
  return np.concatenate([np.cos(phase * even), np.sin(phase * odd)], axis=-1)
