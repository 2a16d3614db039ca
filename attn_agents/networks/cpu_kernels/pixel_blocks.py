"""A 3 x 3 convolution of pixels and its max-pooling, in blocks of two by two.

Pixels have too few channels to fill a processor's vectors, and the outputs
before pooling are the largest arrays of a deep network. So four neighbouring
outputs are computed at once. Of the outputs before pooling only the place of
each maximum is kept for the gradient, and their own gradients exist for a few
images at a time, within the caches.
"""

import itertools

import jax
import jax.numpy as jnp

from attn_agents.networks.cpu_kernels import canonical

_SIZE = 2
# The cells of a pooling's window, in row-major order.
_CELLS = tuple(itertools.product(range(3), repeat=2))


@jax.custom_vjp
def convolve_and_pool(pixels: jax.Array, kernel: jax.Array) -> jax.Array:
  """Convolves with SAME padding and stride 1, then `pooling.max_pool`.

  Where a window holds its maximum more than once, the first in row-major order
  gets the gradient. Reverse-mode differentiation only.

  Args:
    pixels: uint8 [B, height, width, channels] of even height and width.
    kernel: float [3, 3, channels, features].

  Returns:
    [B, height / 2, width / 2, features] of the kernel's dtype.
  """
  return _pool(_convolve(_blocks(pixels), _kernel_of_blocks(kernel)))


def _forward(
  pixels: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
  blocks = _blocks(pixels)
  of_blocks = _kernel_of_blocks(kernel)

  def run(_: None, few: jax.Array) -> tuple[None, tuple[jax.Array, jax.Array]]:
    convolved = _convolve(few, of_blocks)
    outputs = _pool(convolved)
    return None, (outputs, _winner(convolved, outputs))

  _, (outputs, winner) = canonical.over_chunks(run, None, blocks)
  return outputs, (blocks, winner, kernel)


def _backward(
  residuals: tuple[jax.Array, ...], gradient: jax.Array
) -> tuple[None, jax.Array]:
  blocks, winner, kernel = residuals
  of_blocks, pull_back = jax.vjp(_kernel_of_blocks, kernel)

  def add(
    total: jax.Array, few: tuple[jax.Array, ...]
  ) -> tuple[jax.Array, None]:
    blocks, winner, gradient = few
    part = canonical.kernel_gradient_of_few(
      blocks, _unpool(winner, gradient), canonical.NO_PADDING
    )
    return total + part.astype(jnp.float32), None

  total, _ = canonical.over_chunks(
    add,
    jnp.zeros(of_blocks.shape, jnp.float32),
    (blocks, winner, gradient),
  )
  return None, pull_back(total.astype(of_blocks.dtype))[0]


convolve_and_pool.defvjp(_forward, _backward)


def _blocks(pixels: jax.Array) -> jax.Array:
  """Blocks of pixels that begin one pixel earlier than those of outputs."""
  padded = jnp.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)))
  return canonical.space_to_depth(padded, _SIZE)


def _convolve(blocks: jax.Array, kernel: jax.Array) -> jax.Array:
  return canonical.plain(
    blocks.astype(kernel.dtype), kernel, canonical.NO_PADDING
  )


def _kernel_of_blocks(kernel: jax.Array) -> jax.Array:
  """The kernel that makes blocks of outputs from blocks of pixels.

  A block of outputs depends on 4 x 4 pixels, which are 2 x 2 blocks. 7 of 16
  products are with zeros, and it is faster all the same.
  """
  by_row = [
    jnp.stack(
      [
        jnp.pad(kernel, ((row, 1 - row), (column, 1 - column), (0, 0), (0, 0)))
        for column in range(_SIZE)
      ],
      axis=3,
    )
    for row in range(_SIZE)
  ]
  # [4, 4, channels, 2, 2, features]: the kernel of each output in a block.
  kernels = jnp.stack(by_row, axis=3)
  kernels = jnp.reshape(kernels, (4, 4, kernel.shape[2], -1))
  return canonical.kernel_over_blocks(kernels, _SIZE)


def _pool(blocks: jax.Array) -> jax.Array:
  """[B, h, w, 4 * features] to the maximum of each window, [B, h, w, features].

  Windows have three by three cells and begin where blocks do.
  """
  lowest = jnp.array(-jnp.inf, blocks.dtype)
  best = _cell(blocks, 0, 0, lowest)
  for row, column in _CELLS[1:]:
    best = jnp.maximum(best, _cell(blocks, row, column, lowest))
  return best


def _winner(blocks: jax.Array, outputs: jax.Array) -> jax.Array:
  """Where in `_CELLS` each output came from, uint8 [B, h, w, features]."""
  lowest = jnp.array(-jnp.inf, blocks.dtype)
  winner = jnp.zeros(outputs.shape, jnp.uint8)
  # From the last to the first, so that the first of equals remains.
  for index, (row, column) in reversed([*enumerate(_CELLS)]):
    cells = _cell(blocks, row, column, lowest)
    winner = jnp.where(cells == outputs, jnp.uint8(index), winner)
  return winner


def _unpool(winner: jax.Array, gradient: jax.Array) -> jax.Array:
  """The gradient with respect to the blocks, [B, h, w, 4 * features]."""

  def given(row: int, column: int) -> jax.Array:
    """The gradient of each window's cell at (row, column), at its block."""
    part = jnp.where(winner == _CELLS.index((row, column)), gradient, 0.0)
    return _shift(part, -(row // _SIZE), -(column // _SIZE), 0.0)

  parts = (
    given(0, 0) + given(0, 2) + given(2, 0) + given(2, 2),
    given(0, 1) + given(2, 1),
    given(1, 0) + given(1, 2),
    given(1, 1),
  )
  # Without this XLA computes each element of the whole on its own.
  parts = jax.lax.optimization_barrier(parts)
  return jnp.concatenate(parts, axis=-1).astype(gradient.dtype)


def _cell(
  blocks: jax.Array, row: int, column: int, outside: jax.Array
) -> jax.Array:
  """The cell (row, column) of every window; `outside` where there is none."""
  channels = blocks.shape[-1] // _SIZE**2
  index = _SIZE * (row % _SIZE) + column % _SIZE
  plane = jax.lax.slice_in_dim(
    blocks, index * channels, (index + 1) * channels, axis=-1
  )
  return _shift(plane, row // _SIZE, column // _SIZE, outside)


def _shift(
  inputs: jax.Array, rows: int, columns: int, outside: jax.Array | float
) -> jax.Array:
  """inputs[:, i + rows, j + columns, :], `outside` beyond the border."""
  padding = ((0, 0, 0), (-rows, rows, 0), (-columns, columns, 0), (0, 0, 0))
  return jax.lax.pad(inputs, jnp.asarray(outside, inputs.dtype), padding)
