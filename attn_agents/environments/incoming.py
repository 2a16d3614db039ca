"""Looks at arrays from outside once, before anything is learned from them.

A library that fits its neighbours badly may hand over arrays of the right
shapes and dtypes whose elements all lie in one place.
"""

from typing import Any

import numpy as np

from attn_agents.environments import suite
from configs import errors


def check(
  name: str,
  array: Any,
  dtype: Any,
  shape: tuple[int, ...],
  low: float = -np.inf,
  high: float = np.inf,
) -> None:
  """Refuses an array that is not what it must be.

  Args:
    name: for the message.
    array: of NumPy.
    dtype: a NumPy scalar type; np.integer stands for all integers.
    shape: of the whole array.
    low: its least value.
    high: its largest value. Infinity and NaN are refused in any case.

  Raises:
    ConfigError: in one line, with what was found and expected.
  """
  expected = f'expected {dtype.__name__}{list(shape)}'
  if not isinstance(array, np.ndarray):
    raise errors.ConfigError(f'{name} is {type(array).__name__}, {expected}')
  if not np.issubdtype(array.dtype, dtype) or array.shape != shape:
    raise errors.ConfigError(
      f'{name} is {array.dtype}{list(array.shape)}, {expected}'
    )
  if not array.size:
    return
  if _overlaps(array):
    raise errors.ConfigError(
      f'{name}, {array.dtype}{list(shape)}, has strides of '
      f'{list(array.strides)} bytes, so that many of its elements are one; '
      'expected a place for each'
    )
  # NaN is neither above nor below.
  inside = (array >= low) & (array <= high) & np.isfinite(array)
  if not inside.all():
    raise errors.ConfigError(
      f'{name} has {array[~inside].flat[0]}, expected finite numbers from '
      f'{low:g} to {high:g}'
    )


def _overlaps(array: np.ndarray) -> bool:
  """Whether elements share memory; also for layouts that merely might."""
  extent = array.itemsize
  axes = zip(map(abs, array.strides), array.shape, strict=True)
  for stride, size in sorted(axis for axis in axes if axis[1] > 1):
    if stride < extent:
      return True
    extent += stride * (size - 1)
  return False


def check_pool(pool: Any, spec: suite.EnvironmentSpec, game: str) -> None:
  """Raises `ValueError` unless EnvPool makes what the spec says."""
  channels, height, width = pool.observation_space.shape
  shown, actions = (height, width, channels), int(pool.action_space.n)
  expected = spec.observation_shape, spec.num_actions
  if (shown, actions) != expected:
    raise ValueError(
      f'{game}: EnvPool has observations of {shown} (height, width, channels) '
      f'and {actions} actions, expected {expected[0]} and {expected[1]}'
    )
