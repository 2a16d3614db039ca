"""Convolution that is fast forwards and backwards on each backend.

XLA's CPU backend has one fast convolution: stride 1, no dilation, channels
last. It rewrites others to that form only outside of loops; a gradient inside
`lax.scan`, or one of a strided convolution with respect to its inputs, runs 8
to 30 times slower. Here everything is written in that form to begin with: the
gradient of the inputs as a convolution with the flipped kernel, that of the
kernel as a convolution in which channels take the place of the batch (which is
the product of patches and output gradients, without the patches), and strides
as stride 1 over blocks of pixels. Accelerators are left to XLA.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

METHODS = ('auto', 'lax', 'canonical')

# Up to so many, `_convolve_blocks` is faster on CPU.
_FEW_CHANNELS = 4

# Rows and columns of zeros before and after: ((top, bottom), (left, right)).
_Padding = tuple[tuple[int, int], tuple[int, int]]


def resolve_method(method: str) -> str:
  """Turns 'auto' into the faster form for JAX's default backend.

  Args:
    method: one of `METHODS`.

  Returns:
    'lax' or 'canonical'.

  Raises:
    ValueError: if `method` is unknown.
  """
  if method not in METHODS:
    raise ValueError(f'convolution is {method!r}, must be one of {METHODS}.')
  if method != 'auto':
    return method
  return 'canonical' if jax.default_backend() == 'cpu' else 'lax'


def convolve(
  inputs: jax.Array, kernel: jax.Array, method: str, stride: int = 1
) -> jax.Array:
  """Convolves with SAME padding, without bias.

  Args:
    inputs: float or uint8 [B, height, width, channels].
    kernel: float [kernel_height, kernel_width, channels, features].
    method: 'lax' or 'canonical'; values and gradients are equal up to rounding.
      The latter has reverse-mode derivatives only.
    stride: of both axes.

  Returns:
    [B, ceil(height / stride), ceil(width / stride), features], of the kernel's
    dtype.
  """
  if method == 'canonical' and stride == 1 and _pays_in_blocks(inputs, kernel):
    return _convolve_blocks(inputs, kernel)
  padding = _same_padding(inputs.shape[1:3], kernel.shape[:2], stride)
  divisible = not any(size % stride for size in kernel.shape[:2])
  if method == 'lax' or not divisible:
    return _convolve(inputs.astype(kernel.dtype), kernel, padding, stride)
  if stride > 1:
    # Bytes, if that is what they are, for four times less to be moved.
    inputs = space_to_depth(jnp.pad(inputs, ((0, 0), *padding, (0, 0))), stride)
    kernel = _kernel_over_blocks(kernel, stride)
    padding = ((0, 0), (0, 0))
  return _convolve_canonical(inputs.astype(kernel.dtype), kernel, padding)


@jax.custom_vjp
def add_bias(outputs: jax.Array, bias: jax.Array) -> jax.Array:
  """Adds a bias [features] to outputs [..., features], in their dtype.

  The gradient of the bias is summed in float32, as it goes over every pixel.
  """
  shape = (1,) * (outputs.ndim - 1) + bias.shape
  return outputs + jnp.reshape(bias, shape).astype(outputs.dtype)


def _add_bias_forward(
  outputs: jax.Array, bias: jax.Array
) -> tuple[jax.Array, None]:
  return add_bias(outputs, bias), None


def _add_bias_backward(
  _: None, gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
  axes = tuple(range(gradient.ndim - 1))
  return gradient, jnp.sum(gradient, axes, dtype=jnp.float32)


add_bias.defvjp(_add_bias_forward, _add_bias_backward)


def inputs_gradient(
  gradient: jax.Array, kernel: jax.Array, method: str
) -> jax.Array:
  """The gradient of `convolve` (stride 1) with respect to its inputs.

  Args:
    gradient: float [B, height, width, features], of the outputs.
    kernel: float [kernel_height, kernel_width, channels, features].
    method: as in `convolve`.

  Returns:
    float [B, height, width, channels].
  """
  padding = _same_padding(gradient.shape[1:3], kernel.shape[:2], 1)
  if method == 'canonical':
    return _inputs_gradient(gradient, kernel, padding)
  inputs = jax.ShapeDtypeStruct(
    (*gradient.shape[:3], kernel.shape[2]), gradient.dtype
  )
  transpose = jax.linear_transpose(
    lambda x: _convolve(x, kernel, padding), inputs
  )
  return transpose(gradient)[0]


def kernel_gradient(
  inputs: jax.Array,
  gradient: jax.Array,
  kernel_size: tuple[int, int],
  method: str,
) -> jax.Array:
  """The gradient of `convolve` (stride 1) with respect to its kernel.

  Args:
    inputs: float [B, height, width, channels].
    gradient: float [B, height, width, features], of the outputs.
    kernel_size: height and width.
    method: as in `convolve`.

  Returns:
    float [kernel_height, kernel_width, channels, features].
  """
  padding = _same_padding(inputs.shape[1:3], kernel_size, 1)
  if method == 'canonical':
    return _kernel_gradient(inputs, gradient, padding)
  kernel = jax.ShapeDtypeStruct(
    (*kernel_size, inputs.shape[3], gradient.shape[3]), inputs.dtype
  )
  transpose = jax.linear_transpose(
    lambda x: _convolve(inputs, x, padding), kernel
  )
  return transpose(gradient)[0]


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


def depth_to_space(inputs: jax.Array, size: int) -> jax.Array:
  """Inverse of `space_to_depth`.

  Args:
    inputs: [B, height, width, size * size * channels].
    size: of a block.

  Returns:
    [B, height * size, width * size, channels].
  """
  batch, height, width, depth = inputs.shape
  channels = depth // size**2
  blocks = jnp.reshape(inputs, (batch, height, width, size, size, channels))
  return jnp.reshape(
    jnp.transpose(blocks, (0, 1, 3, 2, 4, 5)),
    (batch, height * size, width * size, channels),
  )


def _pays_in_blocks(inputs: jax.Array, kernel: jax.Array) -> bool:
  """Whether vectors over channels would be too short to be worth it."""
  _, height, width, channels = inputs.shape
  even = height % 2 == 0 and width % 2 == 0
  return kernel.shape[:2] == (3, 3) and even and channels <= _FEW_CHANNELS


def _convolve_blocks(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
  """A 3 x 3 convolution, two by two outputs at a time.

  Such a block depends on 4 x 4 inputs, which are 2 x 2 blocks if those begin
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
  outputs = _convolve_canonical(
    space_to_depth(padded, 2).astype(kernel.dtype),
    _kernel_over_blocks(kernels, 2),
    ((0, 0), (0, 0)),
  )
  return depth_to_space(outputs, 2)


def _kernel_over_blocks(kernel: jax.Array, stride: int) -> jax.Array:
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


def _same_padding(
  image: tuple[int, ...], kernel: tuple[int, ...], stride: int
) -> _Padding:
  def pad(size: int, taps: int) -> tuple[int, int]:
    total = max(0, (-(-size // stride) - 1) * stride + taps - size)
    return total // 2, total - total // 2

  return pad(image[0], kernel[0]), pad(image[1], kernel[1])


def _convolve(
  inputs: jax.Array, kernel: jax.Array, padding: _Padding, stride: int = 1
) -> jax.Array:
  return jax.lax.conv_general_dilated(
    inputs,
    kernel,
    window_strides=(stride, stride),
    padding=padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve_canonical(
  inputs: jax.Array, kernel: jax.Array, padding: _Padding
) -> jax.Array:
  return _convolve(inputs, kernel, padding)


def _forward(
  inputs: jax.Array, kernel: jax.Array, padding: _Padding
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  return _convolve(inputs, kernel, padding), (inputs, kernel)


def _backward(
  padding: _Padding,
  residuals: tuple[jax.Array, jax.Array],
  gradient: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  inputs, kernel = residuals
  return (
    _inputs_gradient(gradient, kernel, padding),
    _kernel_gradient(inputs, gradient, padding),
  )


_convolve_canonical.defvjp(_forward, _backward)


def _inputs_gradient(
  gradient: jax.Array, kernel: jax.Array, padding: _Padding
) -> jax.Array:
  flipped = jnp.swapaxes(jnp.flip(kernel, (0, 1)), 2, 3)
  (top, bottom), (left, right) = padding
  rows, columns = kernel.shape[0] - 1, kernel.shape[1] - 1
  return _convolve(
    gradient,
    flipped,
    ((rows - top, rows - bottom), (columns - left, columns - right)),
  )


def _kernel_gradient(
  inputs: jax.Array, gradient: jax.Array, padding: _Padding
) -> jax.Array:
  kernel = _convolve(
    jnp.transpose(inputs, (3, 1, 2, 0)),
    jnp.transpose(gradient, (1, 2, 0, 3)),
    padding,
  )
  return jnp.transpose(kernel, (1, 2, 0, 3))


class Weights(nn.Module):
  """The parameters of a convolution, as in `nn.Conv`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    dtype: to which the kernel is cast; it is kept in float32.
  """

  features: int
  kernel_size: tuple[int, int]
  dtype: str = 'float32'

  @nn.compact
  def __call__(self, channels: int) -> tuple[jax.Array, jax.Array]:
    """Kernel, `dtype` [height, width, channels, features], bias float32."""
    return _declare(self, channels)


class Convolution(nn.Module):
  """A SAME convolution with bias; parameters as in `nn.Conv`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    method: one of `METHODS`; all read the same parameters.
    stride: of both axes.
    dtype: of the computation and its result; parameters are float32.
  """

  features: int
  kernel_size: tuple[int, int]
  method: str = 'auto'
  stride: int = 1
  dtype: str = 'float32'

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps [..., height, width, channels] to `dtype` [..., features].

    Inputs in uint8 are pixels: they count 255 as 1.
    """
    kernel, bias = _declare(self, inputs.shape[-1])
    if inputs.dtype == jnp.uint8:
      kernel /= 255.0
    flat = jnp.reshape(inputs, (-1, *inputs.shape[-3:]))
    method = resolve_method(self.method)
    outputs = add_bias(convolve(flat, kernel, method, self.stride), bias)
    return jnp.reshape(outputs, (*inputs.shape[:-3], *outputs.shape[1:]))


def _declare(
  module: Weights | Convolution, channels: int
) -> tuple[jax.Array, jax.Array]:
  shape = (*module.kernel_size, channels, module.features)
  kernel = module.param('kernel', nn.initializers.lecun_normal(), shape)
  bias = module.param('bias', nn.initializers.zeros, (module.features,))
  return kernel.astype(module.dtype), bias
