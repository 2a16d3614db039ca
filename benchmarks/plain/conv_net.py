"""The shallow network in plain Flax; see `plain`."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from benchmarks.plain import layers
from configs.agents import impala_shallow


class Plain(nn.Module):
  """`conv_net.ConvNet`, its parameters alike."""

  config: impala_shallow.ConvNetConfig
  num_actions: int

  @nn.nowrap
  def initial_state(self, batch_size: int) -> tuple[()]:
    """()."""
    del batch_size
    return ()

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: Any
  ) -> tuple[types.NetworkOutput, Any]:
    """Runs over rows [T, B]."""
    config = self.config
    outputs = layers.ConvTorso(
      config.conv_channels,
      config.conv_kernels,
      config.conv_strides,
      'VALID',
      name='torso',
    )(inputs.observation)
    flat = jnp.reshape(outputs, (*outputs.shape[:2], -1))
    hidden = nn.relu(nn.Dense(config.hidden_size, name='hidden')(flat))
    return layers.heads(hidden, self.num_actions), core_state
