"""From a config's network section to the network it describes."""

from collections.abc import Callable

from flax import linen as nn

from attn_agents.networks import conv_net, q_network, resnet, s3ta
from configs import schema
from configs.agents import darqn_soft, impala_ff, impala_shallow
from configs.agents import s3ta as s3ta_config

# One line per family of networks; its variants are options of the section.
_FACTORIES: dict[type, Callable[[schema.Config, int], nn.Module]] = {
  s3ta_config.S3TAConfig: s3ta.from_config,
  impala_ff.ResNetConfig: resnet.from_config,
  impala_shallow.ConvNetConfig: conv_net.from_config,
  darqn_soft.QNetworkConfig: q_network.from_config,
}


def make_network(config: schema.Config, num_actions: int) -> nn.Module:
  """Makes the network that `config.network` describes.

  Args:
    config: the whole run; the network reads its own section, the size of
      observations and the reward clip.
    num_actions: size of the policy.

  Returns:
    A module with `__call__(types.NetworkInput [T, B], core_state) ->
    (types.NetworkOutput [T, B], core_state)` and `initial_state(batch_size)`.

  Raises:
    TypeError: no network is known for that section.
  """
  factory = _FACTORIES.get(type(config.network))
  if factory is None:
    raise TypeError(f'no network is made from {config.network!r}')
  return factory(config, num_actions)
