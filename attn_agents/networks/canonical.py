"""The one form of convolution that XLA runs fast on CPU, gradients included.

That form has stride 1, no dilation and channels last. XLA rewrites others to it
only outside of loops; a gradient inside `lax.scan`, or one of a strided
convolution with respect to its inputs, runs 8 to 30 times slower. Here
everything is written in that form to begin with: the gradient of the inputs as
a convolution with the flipped kernel; that of the kernel as a convolution in
which channels take the place of the batch, which is the product of patches and
output gradients without building the patches; and strides as stride 1 over
blocks of pixels.
"""

import functools

import jax
import jax.numpy as jnp

# Rows and columns of zeros before and after: ((top, bottom), (left, right)).
Padding = tuple[tuple[int, int], tuple[int, int]]

# Images whose gradient of the kernel is computed at a time. XLA transposes them
# one float at a time, in strides of an image: all at once, most of the time of
# a deep network's update goes into that.
_CHUNK = 16


def plain(
  inputs: jax.Array, kernel: jax.Array, padding: Padding, stride: int = 1
) -> jax.Array:
  """XLA's convolution of images [B, height, width, channels], as it is."""
  return jax.lax.conv_general_dilated(
    inputs,
    kernel,
    window_strides=(stride, stride),
    padding=padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(
  inputs: jax.Array, kernel: jax.Array, padding: Padding
) -> jax.Array:
  """Convolves with stride 1; reverse-mode derivatives only.

  Args:
    inputs: float [B, height, width, channels].
    kernel: float [kernel_height, kernel_width, channels, features].
    padding: zeros around the inputs.

  Returns:
    float [B, padded height - kernel_height + 1, likewise, features].
  """
  return plain(inputs, kernel, padding)


def _forward(
  inputs: jax.Array, kernel: jax.Array, padding: Padding
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  return plain(inputs, kernel, padding), (inputs, kernel)


def _backward(
  padding: Padding,
  residuals: tuple[jax.Array, jax.Array],
  gradient: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  inputs, kernel = residuals
  return (
    inputs_gradient(gradient, kernel, padding),
    kernel_gradient(inputs, gradient, padding),
  )


convolve.defvjp(_forward, _backward)


def inputs_gradient(
  gradient: jax.Array, kernel: jax.Array, padding: Padding
) -> jax.Array:
  """The gradient of `convolve` with respect to its inputs, from outputs'."""
  flipped = jnp.swapaxes(jnp.flip(kernel, (0, 1)), 2, 3)
  (top, bottom), (left, right) = padding
  rows, columns = kernel.shape[0] - 1, kernel.shape[1] - 1
  return plain(
    gradient,
    flipped,
    ((rows - top, rows - bottom), (columns - left, columns - right)),
  )


def kernel_gradient(
  inputs: jax.Array, gradient: jax.Array, padding: Padding
) -> jax.Array:
  """The gradient of `convolve` with respect to its kernel, from outputs'."""
  rest = inputs.shape[0] % _CHUNK
  total = _kernel_gradient_of_few(inputs[:rest], gradient[:rest], padding)
  chunks = tuple(
    jnp.reshape(x[rest:], (-1, _CHUNK, *x.shape[1:]))
    for x in (inputs, gradient)
  )

  def add(
    total: jax.Array, chunk: tuple[jax.Array, ...]
  ) -> tuple[jax.Array, None]:
    few = _kernel_gradient_of_few(chunk[0], chunk[1], padding)
    return total + few.astype(jnp.float32), None

  if chunks[0].shape[0]:
    total, _ = jax.lax.scan(add, total.astype(jnp.float32), chunks)
  return total.astype(inputs.dtype)


def _kernel_gradient_of_few(
  inputs: jax.Array, gradient: jax.Array, padding: Padding
) -> jax.Array:
  kernel = plain(
    jnp.transpose(inputs, (3, 1, 2, 0)),
    jnp.transpose(gradient, (1, 2, 0, 3)),
    padding,
  )
  return jnp.transpose(kernel, (1, 2, 0, 3))


def space_to_depth(inputs: jax.Array, size: int) -> jax.Array:
  """Joins blocks of pixels into one pixel of many channels.

  Args:
    inputs: [B, height, width, channels].
    size: of a block; height and width are cut to whole blocks.

  Returns:
    [B, height // size, width // size, size * size * channels]; in a block, rows
    come first, then columns, then channels.
  """
  batch, height, width, channels = inputs.shape
  height, width = height // size, width // size
  blocks = jnp.reshape(
    inputs[:, : height * size, : width * size],
    (batch, height, size, width, size, channels),
  )
  return jnp.reshape(
    jnp.transpose(blocks, (0, 1, 3, 2, 4, 5)),
    (batch, height, width, size * size * channels),
  )


def convolve_blocks(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
  """A 3 x 3 convolution, two by two outputs at a time, left in such blocks.

  A block depends on 4 x 4 inputs, which are 2 x 2 blocks if those begin
  one pixel earlier. 7 of 16 products are with zeros, and yet it is several
  times as fast: four times as many channels and features fill the vectors.
  """
  padded = jnp.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
  by_row = [
    jnp.stack(
      [
        jnp.pad(kernel, ((row, 1 - row), (column, 1 - column), (0, 0), (0, 0)))
        for column in range(2)
      ],
      axis=3,
    )
    for row in range(2)
  ]
  # [4, 4, channels, 2, 2, features], for each output what it takes of each.
  kernels = jnp.stack(by_row, axis=3)
  kernels = jnp.reshape(kernels, (4, 4, kernel.shape[2], -1))
  return convolve(
    space_to_depth(padded, 2).astype(kernel.dtype),
    kernel_over_blocks(kernels, 2),
    ((0, 0), (0, 0)),
  )


def kernel_over_blocks(kernel: jax.Array, stride: int) -> jax.Array:
  """The kernel of stride 1 over blocks that equals one with a stride."""
  height, width, channels, features = kernel.shape
  height, width = height // stride, width // stride
  blocks = jnp.reshape(
    kernel, (height, stride, width, stride, channels, features)
  )
  return jnp.reshape(
    jnp.transpose(blocks, (0, 2, 1, 3, 4, 5)),
    (height, width, stride * stride * channels, features),
  )
