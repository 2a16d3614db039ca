"""Values as JSON has them."""

from typing import Any

import numpy as np


def json_ready(value: Any) -> Any:
  """Arrays and NumPy scalars as plain Python, also inside dicts and lists.

  JSON has no NaN and no infinity: numbers that are not finite become None.
  """
  if isinstance(value, dict):
    return {key: json_ready(item) for key, item in value.items()}
  if isinstance(value, list | tuple):
    return [json_ready(item) for item in value]
  if isinstance(value, np.ndarray | np.generic):
    return json_ready(value.tolist())
  if isinstance(value, float) and not np.isfinite(value):
    return None
  return value
