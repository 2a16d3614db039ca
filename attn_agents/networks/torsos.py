"""Convolutional torsos: uint8 pixels to float32 features, frame by frame."""

import jax
import jax.numpy as jnp
from flax import linen as nn


def output_size(
  height: int, width: int, strides: tuple[int, ...]
) -> tuple[int, int]:
  """Height and width after SAME convolutions with these strides."""
  for stride in strides:
    height, width = -(-height // stride), -(-width // stride)
  return height, width


class ConvTorso(nn.Module):
  """SAME convolutions, each followed by ReLU (S3TA Table 2, vision CNN).

  Attributes:
    channels, kernels, strides: one entry per layer, square kernels.
  """

  channels: tuple[int, ...]
  kernels: tuple[int, ...]
  strides: tuple[int, ...]

  @nn.compact
  def __call__(self, observation: jax.Array) -> jax.Array:
    """Maps uint8 [N, height, width, c] to float32 [N, h, w, channels[-1]]."""
    outputs = observation.astype(jnp.float32) / 255.0
    for channels, kernel, stride in zip(
      self.channels, self.kernels, self.strides, strict=True
    ):
      outputs = nn.Conv(channels, (kernel, kernel), (stride, stride))(outputs)
      outputs = nn.relu(outputs)
    return outputs
