"""The one form of convolution that XLA runs fast on CPU, gradients included.

That form has stride 1, no dilation and channels last. XLA rewrites others to it
only outside of loops: a gradient inside `lax.scan`, and one of a strided
convolution with respect to its inputs, is many times slower. So everything here
is written in that form:

- The gradient of the inputs is a convolution with the flipped kernel.
- The gradient of the kernel is a convolution in which channels take the place
  of the batch. It is the product of patches and output gradients, without
  building the patches.
- A stride is stride 1 over blocks of pixels.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# Rows and columns of zeros before and after: ((top, bottom), (left, right)).
Padding = tuple[tuple[int, int], tuple[int, int]]
NO_PADDING: Padding = ((0, 0), (0, 0))

# How many images the kernel's gradient takes at a time. XLA transposes them one
# float at a time, in strides of an image, which is slow for many of them.
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
    inputs: float or uint8 [B, height, width, channels]; integers have no
      derivative.
    kernel: float [kernel_height, kernel_width, channels, features].
    padding: zeros around the inputs.

  Returns:
    [B, padded height - kernel_height + 1, likewise, features], of the kernel's
    dtype.
  """
  return plain(inputs.astype(kernel.dtype), kernel, padding)


def _forward(
  inputs: jax.Array, kernel: jax.Array, padding: Padding
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  return convolve(inputs, kernel, padding), (inputs, kernel)


def _backward(
  padding: Padding,
  residuals: tuple[jax.Array, jax.Array],
  gradient: jax.Array,
) -> tuple[jax.Array | None, jax.Array]:
  inputs, kernel = residuals
  into_inputs = None
  if jnp.issubdtype(inputs.dtype, jnp.floating):
    into_inputs = inputs_gradient(gradient, kernel, padding)
  return into_inputs, kernel_gradient(inputs, gradient, padding)


convolve.defvjp(_forward, _backward)


def inputs_gradient(
  gradient: jax.Array, kernel: jax.Array, padding: Padding
) -> jax.Array:
  """The gradient of the inputs of `convolve`, from that of its outputs."""
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
  """The gradient of the kernel of `convolve`, from that of its outputs."""

  def add(
    total: jax.Array, images: tuple[jax.Array, jax.Array]
  ) -> tuple[jax.Array, None]:
    few = kernel_gradient_of_few(*images, padding)
    return total + few.astype(jnp.float32), None

  rows, columns = (
    inputs.shape[1 + axis] + sum(padding[axis]) - gradient.shape[1 + axis] + 1
    for axis in range(2)
  )
  shape = (rows, columns, inputs.shape[-1], gradient.shape[-1])
  total, _ = over_chunks(add, jnp.zeros(shape), (inputs, gradient))
  return total.astype(gradient.dtype)


def kernel_gradient_of_few(
  inputs: jax.Array, gradient: jax.Array, padding: Padding
) -> jax.Array:
  """`kernel_gradient` of a few images, which fit into the caches."""
  kernel = plain(
    jnp.transpose(inputs.astype(gradient.dtype), (3, 1, 2, 0)),
    jnp.transpose(gradient, (1, 2, 0, 3)),
    padding,
  )
  return jnp.transpose(kernel, (1, 2, 0, 3))


def over_chunks(
  function: Callable[[Any, Any], tuple[Any, Any]], carry: Any, arrays: Any
) -> tuple[Any, Any]:
  """`jax.lax.scan` over a few images at a time.

  Args:
    function: takes carry and arrays [n, ...]; returns carry and arrays [n, ...]
      (or None).
    carry: the first one.
    arrays: any number of arrays [B, ...].

  Returns:
    The last carry, and what `function` returned for all B.
  """
  batch = jax.tree.leaves(arrays)[0].shape[0]
  rest = batch % _CHUNK
  parts = []
  if rest:
    carry, part = function(carry, jax.tree.map(lambda x: x[:rest], arrays))
    parts.append(part)
  if batch > rest:
    chunks = jax.tree.map(
      lambda x: jnp.reshape(x[rest:], (-1, _CHUNK, *x.shape[1:])), arrays
    )
    carry, part = jax.lax.scan(function, carry, chunks)
    parts.append(
      jax.tree.map(lambda x: jnp.reshape(x, (-1, *x.shape[2:])), part)
    )
  return carry, jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


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
  # What stays together is one axis: XLA is faster with fewer axes.
  blocks = jnp.reshape(
    inputs[:, : height * size, : width * size],
    (batch, height, size, width, size * channels),
  )
  return jnp.reshape(
    jnp.transpose(blocks, (0, 1, 3, 2, 4)),
    (batch, height, width, size * size * channels),
  )


def kernel_over_blocks(kernel: jax.Array, stride: int) -> jax.Array:
  """The kernel over blocks with stride 1 that equals `kernel` with `stride`."""
  height, width, channels, features = kernel.shape
  height, width = height // stride, width // stride
  blocks = jnp.reshape(
    kernel, (height, stride, width, stride, channels, features)
  )
  return jnp.reshape(
    jnp.transpose(blocks, (0, 2, 1, 3, 4, 5)),
    (height, width, stride * stride * channels, features),
  )
