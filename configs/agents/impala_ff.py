"""IMPALA's deep residual network without memory, and its family's options.

Espeholt et al. 2018, Figure 3 and Table G.1. Residual attention (DRARL) and the
baselines of the S3TA paper are options of the same network.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from attn_agents.algorithms import vtrace
from configs import errors, ranges, schema, small_presets

if TYPE_CHECKING:
  from flax import linen as nn


@dataclasses.dataclass(frozen=True)
class ResNetConfig(schema.NetworkConfig):
  """Sizes of the deep residual network; defaults are IMPALA's.

  `dtype` is that of the layer after the sections, too.

  Each of its sections is a 3x3 convolution, a 3x3 max-pooling of stride 2, and
  residual blocks or, with attention, one residual attention module.

  Attributes:
    channels: of each section.
    pixel_block: blocks of so many pixels each way become one pixel of all their
      channels before the first section [C: 1, none]; zeros fill up the last
      ones. The first section's maps are then so many times smaller each way,
      and most of the work was there.
    blocks_per_section: residual blocks of a section, or of a module's trunk.
    attention: 'none'; 'residual', out = (1 + M) T, whose mask M sees a pooled
      map that is interpolated back (DRARL); 'residual_simple', the same without
      pooling and interpolation (Simple DRARL).
    mask_blocks: residual blocks of the mask branch.
    hidden_size: units of the layer after the sections.
    lstm_size: units of an LSTM that also sees the previous action and reward
      (S3TA's LSTM baseline); 0 makes a feedforward network.
  """

  quick_settings: ClassVar[tuple[str, ...]] = (
    'environment.height=20',
    'environment.width=10',
    'environment.frame_stack=1',
    'network.channels=8,8,8',
    'network.hidden_size=64',
  )

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'channels': ranges.CHANNELS,
    'pixel_block': ranges.PIXELS,
    'blocks_per_section': ranges.Range(1, 100),
    'mask_blocks': ranges.Range(1, 100),
    'hidden_size': ranges.UNITS,
    'lstm_size': ranges.Range(0, 8192),
  }

  channels: tuple[int, ...] = (16, 32, 32)
  pixel_block: int = 1
  blocks_per_section: int = 2
  attention: str = 'none'
  mask_blocks: int = 1
  hidden_size: int = 256
  lstm_size: int = 0

  @property
  def recurrent(self) -> bool:
    """Whether there is an LSTM."""
    return self.lstm_size > 0

  def make(
    self,
    num_actions: int,
    observation_shape: tuple[int, int, int],
    max_abs_reward: float,
  ) -> 'nn.Module':
    """See `schema.NetworkConfig.make`."""
    from attn_agents.networks import resnet

    del observation_shape
    return resnet.ResNet(self, num_actions, max_abs_reward)

  def validate(self) -> None:
    """Raises `errors.ConfigError` if the sizes cannot make a network."""
    super().validate()
    errors.choice(
      'network.attention',
      self.attention,
      ('none', 'residual', 'residual_simple'),
    )
    errors.require(
      len(self.channels) >= 1,
      'network.channels',
      self.channels,
      'at least one section',
    )


def paper() -> schema.Config:
  """IMPALA's single-task Atari experiments, Table G.1."""
  return schema.Config(
    agent='impala_ff',
    preset='paper',
    network=ResNetConfig(),
    environment=_stacked_grey(),
    algorithm='vtrace',
    learning=vtrace.VTraceConfig(unroll_length=20),
    optimizer=schema.OptimizerConfig(
      learning_rate=6e-4,
      anneal_frames=200_000_000,
      clip_threshold=40.0,
    ),
  )


def s3ta_baseline() -> schema.Config:
  """The same network as the S3TA paper's baseline: learning as S3TA A.1 [C]."""
  return schema.Config(
    agent='impala_ff',
    preset='s3ta_baseline',
    network=ResNetConfig(),
    environment=_stacked_grey(),
    algorithm='vtrace',
    learning=vtrace.VTraceConfig(),
  )


def small() -> schema.Config:
  """Cut to a 2-core CPU, where its gradient takes twice the time of S3TA's.

  Loss and optimiser are S3TA's, too, so that runs of minutes can be compared.
  """
  return schema.Config(
    agent='impala_ff',
    preset='small',
    network=ResNetConfig(
      channels=(8, 16, 16), pixel_block=2, blocks_per_section=1
    ),
    algorithm='appo',
    environment=small_presets.environment(frame_stack=4),
    learning=small_presets.learning(),
    optimizer=small_presets.optimizer(),
  )


def _stacked_grey() -> schema.EnvironmentConfig:
  return schema.EnvironmentConfig(
    height=84, width=84, grayscale=True, frame_stack=4
  )
