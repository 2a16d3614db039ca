"""The networks in plain Flax: what one writes before measuring.

The same functions of the same parameters as `attn_agents.networks`, but with
`nn.Conv` everywhere, the ConvLSTM with both of its convolutions inside
`nn.scan`, keys and values concatenated with the spatial basis before attention,
`nn.max_pool`, and gradients left to JAX. Nothing of the fast forms is used, so
that this is both what they are timed against and what they must be equal to
(`tests/networks/plain_equality_test.py`).
"""

from typing import Any

from flax import linen as nn

from benchmarks import (
  plain_conv_net,
  plain_q_network,
  plain_resnet,
  plain_s3ta,
)
from configs import schema
from configs.agents import darqn_soft, impala_ff, impala_shallow
from configs.agents import s3ta as s3ta_config


def make_network(config: schema.Config, num_actions: int) -> nn.Module:
  """The plain form of `attn_agents.networks.registry.make_network`.

  Raises:
    TypeError: no plain network is known for the config's section.
  """
  sizes: dict[str, Any] = {
    'config': config.network,
    'num_actions': num_actions,
    'max_abs_reward': config.learning.max_abs_reward,
  }
  if isinstance(config.network, s3ta_config.S3TAConfig):
    env = config.environment
    return plain_s3ta.PlainS3TA(
      observation_size=(env.height, env.width), **sizes
    )
  if isinstance(config.network, impala_ff.ResNetConfig):
    return plain_resnet.PlainResNet(**sizes)
  if isinstance(config.network, impala_shallow.ConvNetConfig):
    return plain_conv_net.PlainConvNet(**sizes)
  if isinstance(config.network, darqn_soft.QNetworkConfig):
    return plain_q_network.PlainQNetwork(**sizes)
  raise TypeError(f'no plain network is made from {config.network!r}')
