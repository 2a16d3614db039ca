"""Max-pooling whose gradient is fast on CPU.

XLA's own gradient of a max-pooling, select and scatter, is slow on CPU. Slices
and comparisons are several times as fast, and give the same values.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

_WINDOW = 3
_STRIDE = 2


@jax.custom_vjp
def max_pool(inputs: jax.Array) -> jax.Array:
  """Takes the maximum of 3 x 3 windows, stride 2, SAME padding.

  Where a window holds its maximum more than once, the first in row-major order
  gets the gradient, as in XLA. Reverse-mode differentiation only.

  Args:
    inputs: float [..., height, width, channels].

  Returns:
    float [..., ceil(height / 2), ceil(width / 2), channels].
  """
  return nn.max_pool(inputs, (_WINDOW, _WINDOW), (_STRIDE, _STRIDE), 'SAME')


def _forward(
  inputs: jax.Array,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  outputs = max_pool(inputs)
  return outputs, (inputs, outputs)


def _backward(
  residuals: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array]:
  inputs, outputs = residuals
  winner = _first_maximum(inputs, outputs)
  height, width = inputs.shape[-3:-1]
  rows = []
  for row in range(_WINDOW):
    parts = [
      jnp.where(winner == _WINDOW * row + column, gradient, 0.0)
      for column in range(_WINDOW)
    ]
    rows.append(_scatter(parts, -2, width))
  return (_scatter(rows, -3, height),)


max_pool.defvjp(_forward, _backward)


def _first_maximum(inputs: jax.Array, outputs: jax.Array) -> jax.Array:
  """Where in its window, 0..8 in row-major order, each output came from."""
  padding = [(0, 0, 0)] * inputs.ndim
  for axis in (-3, -2):
    padding[axis] = (_pad_before(inputs.shape[axis]), 1, 0)
  lowest = jnp.array(-jnp.inf, inputs.dtype)
  padded = jax.lax.pad(inputs, lowest, padding)
  winner = jnp.zeros(outputs.shape, jnp.uint8)
  # From the last to the first, so that the first of equals remains.
  for row in reversed(range(_WINDOW)):
    lines = _every_second(padded, row, outputs.shape[-3], -3)
    for column in reversed(range(_WINDOW)):
      cells = _every_second(lines, column, outputs.shape[-2], -2)
      position = jnp.uint8(_WINDOW * row + column)
      winner = jnp.where(cells == outputs, position, winner)
  return winner


def _scatter(parts: list[jax.Array], axis: int, size: int) -> jax.Array:
  """Adds up the gradients that cells get from the windows that hold them.

  Args:
    parts: those of each window's first, middle and last cell on `axis`, which
      is negative; three arrays with one entry per window.
    axis: the axis of the windows.
    size: its length in the result.

  Returns:
    The sum of each cell, with `size` cells on `axis`.
  """
  first, middle, last = parts
  # In padded cells, window i covers 2 i, 2 i + 1 and 2 i + 2.
  even = _pad(first, axis, 0, 1) + _pad(last, axis, 1, 0)
  odd = _pad(middle, axis, 0, 1)
  shape = list(even.shape)
  shape[axis] *= _STRIDE
  cells = jnp.reshape(jnp.stack([even, odd], axis), shape)
  start = _pad_before(size)
  return jax.lax.slice_in_dim(cells, start, start + size, axis=axis)


def _pad_before(size: int) -> int:
  """Cells that SAME padding puts before `size` of them; after, always one."""
  return size % _STRIDE


def _every_second(
  inputs: jax.Array, start: int, count: int, axis: int
) -> jax.Array:
  end = start + _STRIDE * (count - 1) + 1
  return jax.lax.slice_in_dim(inputs, start, end, _STRIDE, axis)


def _pad(inputs: jax.Array, axis: int, before: int, after: int) -> jax.Array:
  padding = [(0, 0)] * inputs.ndim
  padding[axis] = (before, after)
  return jnp.pad(inputs, padding)
