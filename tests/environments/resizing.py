"""Area averages, written out."""

import numpy as np


def area_weights(size: int, target: int) -> np.ndarray:
  """[target, size]: the share of each old pixel in each new one."""
  edges = np.arange(target + 1) * size / target
  weights = np.zeros((target, size))
  for new in range(target):
    for old in range(size):
      overlap = min(edges[new + 1], old + 1) - max(edges[new], old)
      weights[new, old] = max(0.0, overlap) * target / size
  return weights
