"""Stacks of layers that carry no state: convolutional torsos and MLPs."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents.networks.layers import convolution, dense


def output_size(
  height: int, width: int, strides: tuple[int, ...]
) -> tuple[int, int]:
  """Height and width after SAME convolutions with these strides."""
  for stride in strides:
    height, width = -(-height // stride), -(-width // stride)
  return height, width


class ConvTorso(nn.Module):
  """Convolutions, each followed by ReLU (S3TA Table 2, vision CNN: SAME).

  Attributes:
    channels, kernels, strides: one entry per layer, square kernels.
    method: one of `conv_functions.METHODS`.
    dtype: of the computation and its result.
    padding: 'SAME' or 'VALID'.
    gain: kernels start this many times as large as Flax's.
    centred: those of the first layer start with a mean of 0.
    blur: pixels by which those of the first layer are blurred, see
      `convolution.scaled_init`.
  """

  channels: tuple[int, ...]
  kernels: tuple[int, ...]
  strides: tuple[int, ...]
  method: str = 'auto'
  dtype: Any = jnp.float32
  padding: str = 'SAME'
  gain: float = 1.0
  centred: bool = False
  blur: float = 0.0

  @nn.compact
  def __call__(self, observation: jax.Array) -> jax.Array:
    """Maps uint8 [N, height, width, c] to `dtype` [N, h, w, channels[-1]]."""
    outputs = observation
    layers = zip(self.channels, self.kernels, self.strides, strict=True)
    for index, (channels, kernel, stride) in enumerate(layers):
      is_first = index == 0
      layer = convolution.Convolution(
        channels,
        (kernel, kernel),
        self.method,
        stride,
        self.dtype,
        padding=self.padding,
        kernel_init=convolution.scaled_init(
          self.gain, self.centred and is_first, self.blur * is_first
        ),
        name=f'conv_{index}',
      )
      outputs = nn.relu(layer(outputs))
    return outputs


class MLP(nn.Module):
  """Dense layers with ReLU between them and a linear end.

  Attributes:
    sizes: units of each layer.
    last_bias_init: of the last layer's bias.
  """

  sizes: tuple[int, ...]
  last_bias_init: Callable[..., jax.Array] = nn.initializers.zeros_init()

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps float32 [..., channels] to [..., sizes[-1]]."""
    for size in self.sizes[:-1]:
      inputs = nn.relu(dense.Dense(size)(inputs))
    return dense.Dense(self.sizes[-1], bias_init=self.last_bias_init)(inputs)
