"""Convolutions as Flax layers; parameters as in `nn.Conv`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents.networks.layers import conv_functions

# By name: NumPy takes the string 'bfloat16' for TensorFlow's type of that name
# in a process that has loaded TensorFlow 2.8, and JAX refuses that.
DTYPES = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}


def scaled_init(
  gain: float, centred: bool = False, blur: float = 0.0
) -> Callable[..., jax.Array]:
  """Kernels that start `gain` times as large as Flax's.

  Args:
    gain: with 1 and no blur it is `nn.initializers.lecun_normal`.
    centred: subtract the mean of each output channel, which then gives 0
      wherever the input is uniform.
    blur: if above 0, kernels are blurred by a Gaussian with this standard
      deviation in pixels and fade towards their edges. What they give then
      changes little where an object moves by a pixel.
  """
  initializer = nn.initializers.variance_scaling(
    gain**2, 'fan_in', 'truncated_normal'
  )

  def initialize(*args: Any) -> jax.Array:
    kernel = initializer(*args)
    if blur:
      kernel = _blurred(kernel, blur)
    if centred:
      kernel -= jnp.mean(kernel, axis=(0, 1, 2), keepdims=True)
    return kernel

  return initialize


def _blurred(kernel: jax.Array, blur: float) -> jax.Array:
  """Kernels [height, width, channels, features] of the same size, blurred."""
  smooth = kernel
  for axis in (0, 1):
    place = jnp.arange(kernel.shape[axis], dtype=jnp.float32)
    apart = place[:, None] - place
    smooth = jnp.moveaxis(
      jnp.tensordot(_gaussian(apart, blur), smooth, axes=(1, axis)), 0, axis
    )
    fading = _gaussian(place - jnp.mean(place), kernel.shape[axis] / 4)
    smooth *= jnp.expand_dims(fading, [x for x in range(4) if x != axis])
  size = jnp.mean(jnp.square(kernel)) / jnp.mean(jnp.square(smooth))
  return smooth * jnp.sqrt(size)


def _gaussian(distance: jax.Array, deviation: float) -> jax.Array:
  return jnp.exp(-jnp.square(distance / deviation) / 2)


class Weights(nn.Module):
  """The parameters of a convolution, as in `nn.Conv`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    dtype: to which the kernel is cast; it is kept in float32.
    kernel_init: what the kernel starts from.
    bias_init: what the bias starts from.
  """

  features: int
  kernel_size: tuple[int, int]
  dtype: Any = jnp.float32
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()
  bias_init: Callable[..., jax.Array] = nn.initializers.zeros

  @nn.compact
  def __call__(self, channels: int) -> tuple[jax.Array, jax.Array]:
    """Kernel, `dtype` [height, width, channels, features], bias float32."""
    return _declare(self, channels, self.bias_init)


class Convolution(nn.Module):
  """A convolution with bias; parameters as in `nn.Conv`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    method: one of `conv_functions.METHODS`; all read the same parameters.
    stride: of both axes.
    dtype: of the computation and its result; parameters are float32.
    pool: take `pooling.max_pool` of the result; stride must be 1, padding SAME.
    padding: 'SAME' or 'VALID'.
    kernel_init: what the kernel starts from.
  """

  features: int
  kernel_size: tuple[int, int]
  method: str = 'auto'
  stride: int = 1
  dtype: Any = jnp.float32
  pool: bool = False
  padding: str = 'SAME'
  kernel_init: Callable[..., jax.Array] = nn.initializers.lecun_normal()

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps [..., height, width, channels] to `dtype` [..., features].

    Inputs in uint8 are pixels: they count 255 as 1.

    Raises:
      ValueError: `pool` with another stride or padding.
    """
    if self.pool and (self.stride != 1 or self.padding != 'SAME'):
      raise ValueError(
        f'pool needs stride 1 and SAME padding, got stride {self.stride} and '
        f'{self.padding}.'
      )
    kernel, bias = _declare(self, inputs.shape[-1])
    if inputs.dtype == jnp.uint8:
      kernel /= 255.0
    flat = jnp.reshape(inputs, (-1, *inputs.shape[-3:]))
    method = conv_functions.resolve_method(self.method)
    if self.pool:
      # The bias is added after pooling, which gives the same maxima.
      outputs = conv_functions.add_bias(
        conv_functions.convolve_and_pool(flat, kernel, method), bias
      )
    else:
      outputs = conv_functions.convolve(
        flat, kernel, method, self.stride, self.padding
      )
      outputs = conv_functions.add_bias(outputs, bias)
    return jnp.reshape(outputs, (*inputs.shape[:-3], *outputs.shape[1:]))


def _declare(
  module: Weights | Convolution,
  channels: int,
  bias_init: Callable[..., jax.Array] = nn.initializers.zeros,
) -> tuple[jax.Array, jax.Array]:
  shape = (*module.kernel_size, channels, module.features)
  kernel = module.param('kernel', module.kernel_init, shape)
  bias = module.param('bias', bias_init, (module.features,))
  return kernel.astype(module.dtype), bias
