"""Stacks of layers that carry no state."""

from collections.abc import Callable

import jax
from flax import linen as nn


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
      inputs = nn.relu(nn.Dense(size)(inputs))
    return nn.Dense(self.sizes[-1], bias_init=self.last_bias_init)(inputs)
