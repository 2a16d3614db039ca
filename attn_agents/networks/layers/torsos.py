"""Convolutional torsos: uint8 pixels to features, frame by frame."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents.networks.layers import convolution


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
    method: one of `convolution.METHODS`.
    dtype: of the computation and its result.
    padding: 'SAME' or 'VALID'.
    gain: kernels start this many times as large as Flax's.
    centred: those of the first layer start with a mean of 0.
  """

  channels: tuple[int, ...]
  kernels: tuple[int, ...]
  strides: tuple[int, ...]
  method: str = 'auto'
  dtype: Any = jnp.float32
  padding: str = 'SAME'
  gain: float = 1.0
  centred: bool = False

  @nn.compact
  def __call__(self, observation: jax.Array) -> jax.Array:
    """Maps uint8 [N, height, width, c] to `dtype` [N, h, w, channels[-1]]."""
    outputs = observation
    layers = zip(self.channels, self.kernels, self.strides, strict=True)
    for index, (channels, kernel, stride) in enumerate(layers):
      layer = convolution.Convolution(
        channels, (kernel, kernel), self.method, stride, self.dtype,
        padding=self.padding,
        kernel_init=convolution.scaled_init(
          self.gain, self.centred and index == 0
        ),
        name=f'conv_{index}',
      )  # fmt: skip
      outputs = nn.relu(layer(outputs))
    return outputs
