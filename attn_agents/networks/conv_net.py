"""A shallow feedforward network: strided convolutions and one layer.

Espeholt et al. 2018, Figure 3 (left), without the LSTM.
"""

import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.networks.layers import convolution, torsos
from configs.agents import impala_shallow


class ConvNet(nn.Module):
  """The agent's network, from pixels to policy and value.

  Attributes:
    config: sizes.
    num_actions: size of the policy.
  """

  config: impala_shallow.ConvNetConfig
  num_actions: int

  @nn.nowrap
  def initial_state(self, batch_size: int) -> tuple[()]:
    """(): there is none."""
    del batch_size
    return ()

  @nn.compact
  def __call__(
    self, inputs: types.NetworkInput, core_state: tuple[()]
  ) -> tuple[types.NetworkOutput, tuple[()]]:
    """Runs over T rows.

    Args:
      inputs: `types.NetworkInput` [T, B]; only its observation is read.
      core_state: ().

    Returns:
      `types.NetworkOutput` [T, B] and ().
    """
    config, observation = self.config, inputs.observation
    rows, batch = observation.shape[:2]
    dtype = convolution.DTYPES[config.dtype]
    seen = torsos.ConvTorso(
      config.conv_channels,
      config.conv_kernels,
      config.conv_strides,
      config.convolution,
      dtype,
      'VALID',
      name='torso',
    )(jnp.reshape(observation, (rows * batch, *observation.shape[2:])))
    hidden = nn.Dense(config.hidden_size, dtype=dtype, name='hidden')(
      jnp.reshape(seen, (rows, batch, -1))
    )
    hidden = nn.relu(hidden).astype(jnp.float32)
    policy_logits = nn.Dense(self.num_actions, name='policy')(hidden)
    baseline = nn.Dense(1, name='baseline')(hidden)
    return (
      types.NetworkOutput(policy_logits, jnp.squeeze(baseline, axis=-1)),
      core_state,
    )
