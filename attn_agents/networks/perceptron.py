"""Stacks of layers that carry no state."""

import jax
from flax import linen as nn


class MLP(nn.Module):
  """Dense layers with ReLU between them and a linear end.

  Attributes:
    sizes: units of each layer.
  """

  sizes: tuple[int, ...]

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps float32 [..., channels] to [..., sizes[-1]]."""
    for size in self.sizes[:-1]:
      inputs = nn.relu(nn.Dense(size)(inputs))
    return nn.Dense(self.sizes[-1])(inputs)
