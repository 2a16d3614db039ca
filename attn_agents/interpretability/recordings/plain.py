"""Results as JSON takes them."""

from typing import Any

import numpy as np


def plain(value: Any) -> Any:
  """Turns arrays and NumPy scalars, in dicts and lists or not, into Python's.

  JSON has no NaN and no infinity: what is not finite becomes None.
  """
  if isinstance(value, dict):
    return {key: plain(item) for key, item in value.items()}
  if isinstance(value, list | tuple):
    return [plain(item) for item in value]
  if isinstance(value, np.ndarray | np.generic):
    return plain(value.tolist())
  if isinstance(value, float) and not np.isfinite(value):
    return None
  return value
