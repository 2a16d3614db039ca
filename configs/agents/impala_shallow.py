"""IMPALA's shallow network: two strided convolutions and one layer.

Espeholt et al. 2018, Figure 3 (left) without the LSTM, as in its Atari
experiments, which is the network of Mnih et al. 2013; frames as `impala_ff`.
With other sizes its convolutions and layer are those of DQN or of TorchBeast's
`monobeast`, which also gives its heads the last action and reward.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from configs import ranges, schema, sizes
from configs.agents import impala_ff

if TYPE_CHECKING:
  from flax import linen as nn


@dataclasses.dataclass(frozen=True)
class ConvNetConfig(schema.NetworkConfig):
  """Sizes of the shallow network; defaults are IMPALA's.

  `dtype` is that of the layer after the convolutions, too.

  Attributes:
    conv_channels, conv_kernels, conv_strides: one entry per convolution, square
      kernels, VALID padding.
    hidden_size: units of the layer after them.
  """

  quick_settings: ClassVar[tuple[str, ...]] = (
    'environment.height=20',
    'environment.width=10',
    'environment.frame_stack=1',
    'network.conv_channels=8,16',
    'network.conv_kernels=4,3',
    'network.conv_strides=2,1',
    'network.hidden_size=64',
  )

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'conv_channels': ranges.CHANNELS,
    'conv_kernels': ranges.PIXELS,
    'conv_strides': ranges.PIXELS,
    'hidden_size': ranges.UNITS,
  }

  conv_channels: tuple[int, ...] = (16, 32)
  conv_kernels: tuple[int, ...] = (8, 4)
  conv_strides: tuple[int, ...] = (4, 2)
  hidden_size: int = 256

  @property
  def recurrent(self) -> bool:
    """No state is carried."""
    return False

  def make(
    self,
    num_actions: int,
    observation_shape: tuple[int, int, int],
    max_abs_reward: float,
  ) -> 'nn.Module':
    """See `schema.NetworkConfig.make`."""
    from attn_agents.networks import conv_net

    del observation_shape, max_abs_reward
    return conv_net.ConvNet(self, num_actions)

  def validate(self) -> None:
    """Raises `errors.ConfigError` if the sizes cannot make a network."""
    super().validate()
    sizes.require_convolutions(
      self.conv_channels, self.conv_kernels, self.conv_strides
    )

  def validate_frames(self, height: int, width: int) -> None:
    """Raises `errors.ConfigError` if a kernel is larger than its inputs."""
    sizes.require_kernels_fit(
      self.conv_kernels, self.conv_strides, height, width
    )


def paper() -> schema.Config:
  """As `impala_ff.paper` (IMPALA's Table G.1), but for the network."""
  return _shallow(impala_ff.paper())


def small() -> schema.Config:
  """As `impala_ff.small`, but for the network, which is small as it is."""
  return _shallow(impala_ff.small())


def _shallow(config: schema.Config) -> schema.Config:
  return dataclasses.replace(
    config, agent='impala_shallow', network=ConvNetConfig()
  )
