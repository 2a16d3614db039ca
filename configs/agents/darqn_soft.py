"""DARQN with soft attention (Sorokin et al. 2015), and its family of networks.

Deep Attention Recurrent Q-Network: where to look is decided by the LSTM that
chose the action before. What the paper does not print is from the code it
releases; see `attn_agents.algorithms.q_learning` for the tags.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from attn_agents.algorithms import q_learning
from configs import errors, ranges, schema, sizes, small_presets

if TYPE_CHECKING:
  from flax import linen as nn

# 50,000 steps of 4 frames.
_EVALUATE_EVERY_FRAMES = 200_000
_MAX_FRAMES = 20_000_000


@dataclasses.dataclass(frozen=True)
class QNetworkConfig(schema.NetworkConfig):
  """Sizes of DQN and what grew from it; defaults are DARQN's, soft.

  `dtype` is that of the convolutions alone.

  Attributes:
    conv_channels, conv_kernels, conv_strides: one entry per convolution, square
      kernels, VALID padding but for one pixel around the frame.
    attention: 'none'; 'soft', the mean over all locations, weighted; 'hard', a
      location drawn by its weight.
    attention_size: units of the layer before the weights.
    soft_share: of hard attention in training, the share of rows that see the
      weighted mean instead.
    hidden_size: units of a layer after the convolutions; 0 for none.
    lstm_size: units of the LSTM; 0 makes a feedforward network.
  """

  head: ClassVar[str] = 'action_values'
  quick_settings: ClassVar[tuple[str, ...]] = (
    'environment.height=20',
    'environment.width=10',
    'environment.frame_stack=1',
    'network.conv_channels=8,16',
    'network.conv_kernels=4,3',
    'network.conv_strides=2,1',
    'network.attention_size=16',
  )

  # Pixels around the frame, as in the code of DQN and of DARQN.
  BORDER: ClassVar[int] = 1

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'conv_channels': ranges.CHANNELS,
    'conv_kernels': ranges.PIXELS,
    'conv_strides': ranges.PIXELS,
    'attention_size': ranges.UNITS,
    'soft_share': ranges.SHARE,
    'hidden_size': ranges.Range(0, 8192),
    'lstm_size': ranges.Range(0, 8192),
  }

  conv_channels: tuple[int, ...] = (32, 64, 256)
  conv_kernels: tuple[int, ...] = (8, 4, 3)
  conv_strides: tuple[int, ...] = (4, 2, 1)
  attention: str = 'soft'
  attention_size: int = 256
  soft_share: float = 0.5
  hidden_size: int = 0
  lstm_size: int = 256

  @property
  def recurrent(self) -> bool:
    """Whether there is an LSTM."""
    return self.lstm_size > 0

  @property
  def transferred(self) -> tuple[str, ...]:
    """Hard attention starts from the soft agent's convolutions only [P]."""
    return ('torso',) if self.attention == 'hard' else ()

  @property
  def attention_layers(self) -> sizes.Convolutions:
    """See `schema.NetworkConfig.attention_layers`."""
    return sizes.Convolutions(
      self.conv_kernels, self.conv_strides, 'VALID', self.BORDER
    )

  def make(
    self,
    num_actions: int,
    observation_shape: tuple[int, int, int],
    max_abs_reward: float,
  ) -> 'nn.Module':
    """See `schema.NetworkConfig.make`."""
    from attn_agents.networks import q_network

    del observation_shape, max_abs_reward
    return q_network.QNetwork(self, num_actions)

  def validate(self) -> None:
    """Raises `errors.ConfigError` if the sizes cannot make a network."""
    super().validate()
    sizes.require_convolutions(
      self.conv_channels, self.conv_kernels, self.conv_strides
    )
    errors.choice('network.attention', self.attention, ('none', 'soft', 'hard'))
    if self.attention != 'none':
      errors.require(
        self.lstm_size > 0,
        'network.lstm_size',
        self.lstm_size,
        'at least 1: the state of the LSTM is what attends',
      )
      errors.require(
        self.hidden_size == 0,
        'network.hidden_size',
        self.hidden_size,
        '0: attention takes the place of that layer',
      )

  def validate_frames(self, height: int, width: int) -> None:
    """Raises `errors.ConfigError` if a kernel is larger than its inputs."""
    sizes.require_kernels_fit(
      self.conv_kernels,
      self.conv_strides,
      height,
      width,
      padding=self.BORDER,
    )


def paper() -> schema.Config:
  """The published sizes, learned as the released code does."""
  return schema.Config(
    agent='darqn_soft',
    preset='paper',
    algorithm='q_learning',
    max_frames=_MAX_FRAMES,
    network=QNetworkConfig(),
    environment=schema.EnvironmentConfig(height=84, width=84, grayscale=True),
    learning=q_learning.QLearningConfig(),
    optimizer=schema.OptimizerConfig(
      name='centred_rmsprop',
      learning_rate=0.01,
      decay=0.95,
      epsilon=0.01,
      clip='value',
      clip_threshold=5.0,
    ),
    runtime=schema.RuntimeConfig(
      evaluate_every_frames=_EVALUATE_EVERY_FRAMES, evaluation_steps=25_000
    ),
  )


def small() -> schema.Config:
  """Cut to a few CPU cores and runs of minutes; all [C]."""
  return schema.Config(
    agent='darqn_soft',
    preset='small',
    algorithm='q_learning',
    network=QNetworkConfig(
      conv_channels=(16, 32, 64), attention_size=64, lstm_size=128
    ),
    environment=small_presets.environment(),
    learning=small_presets.q_learning(),
    optimizer=small_presets.q_optimizer(),
  )
