"""Stride-1 convolution in two equal forms, one of them fit for CPU loops.

XLA's CPU backend compiles a convolution inside a while loop (`lax.scan`) to
code 8 to 30 times slower than outside it, its gradients above all. Gathered
patches and one matrix product keep their speed there.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

METHODS = ('auto', 'lax', 'patches')


def resolve_method(method: str) -> str:
  """Turns 'auto' into the faster form for JAX's default backend.

  Args:
    method: one of `METHODS`.

  Returns:
    'lax' or 'patches'.

  Raises:
    ValueError: if `method` is unknown.
  """
  if method not in METHODS:
    raise ValueError(f'convolution is {method!r}, must be one of {METHODS}.')
  if method != 'auto':
    return method
  return 'patches' if jax.default_backend() == 'cpu' else 'lax'


def convolve(inputs: jax.Array, kernel: jax.Array, method: str) -> jax.Array:
  """Convolves with stride 1 and SAME padding, without bias.

  Args:
    inputs: float32 [B, height, width, channels].
    kernel: float32 [kernel_height, kernel_width, channels, features].
    method: 'lax' or 'patches'; the values are equal up to rounding.

  Returns:
    float32 [B, height, width, features].
  """
  if method == 'patches':
    return _convolve_patches(inputs, kernel)
  return jax.lax.conv_general_dilated(
    inputs,
    kernel,
    window_strides=(1, 1),
    padding='SAME',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


# Patches are kernel_height * kernel_width times larger than the inputs, and
# copying them again is cheaper than keeping them for the backward pass.
@jax.checkpoint
def _convolve_patches(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
  _, height, width, _ = inputs.shape
  rows, columns, _, features = kernel.shape
  padded = jnp.pad(
    inputs,
    (
      (0, 0),
      ((rows - 1) // 2, rows // 2),
      ((columns - 1) // 2, columns // 2),
      (0, 0),
    ),
  )
  patches = jnp.concatenate(
    [
      padded[:, row : row + height, column : column + width]
      for row in range(rows)
      for column in range(columns)
    ],
    axis=-1,
  )
  size = math.prod(kernel.shape[:-1])
  return patches @ kernel.reshape(size, features)


class Convolution(nn.Module):
  """A stride-1 SAME convolution with bias; parameters as in `nn.Conv`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    method: 'lax' or 'patches'; both read the same parameters.
  """

  features: int
  kernel_size: tuple[int, int]
  method: str

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps float32 [B, height, width, channels] to [..., features]."""
    shape = (*self.kernel_size, inputs.shape[-1], self.features)
    kernel = self.param('kernel', nn.initializers.lecun_normal(), shape)
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    outputs = convolve(inputs, kernel, self.method)
    return outputs + jnp.reshape(bias, (1, 1, 1, self.features))
