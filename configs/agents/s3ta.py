"""S3TA: soft, spatial, sequential, top-down attention (Mott et al. 2019)."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from attn_agents.algorithms import vtrace
from configs import errors, ranges, schema, sizes, small_presets

if TYPE_CHECKING:
  from flax import linen as nn


@dataclasses.dataclass(frozen=True)
class S3TAConfig(schema.NetworkConfig):
  """Sizes of the network, S3TA Table 2; defaults are the paper's.

  `dtype` is that of the vision core's gates, too.

  Attributes:
    conv_channels, conv_kernels, conv_strides: the vision CNN, SAME padding.
    vision_channels: ConvLSTM channels, split into keys and values.
    vision_gain: the kernels from pixels to the ConvLSTM's gates start this many
      times as large as Flax's, whose variance is 1 / fan_in [C: 1]. The larger,
      the more an object of a few pixels moves keys and values from the start.
    vision_centred: the first convolution's kernels start with a mean of 0, so
      that even ground does not fill the gates [C: not].
    vision_blur: the first convolution's kernels start blurred by a Gaussian of
      this many pixels, and fade towards their edges [C: 0, not]. Screens whose
      objects stand a pixel apart then look alike from the start.
    coupled_gates: in both recurrent cores the input gate is 1 - the forget
      gate, so that cells stay between -1 and 1 [C: not]. Otherwise what is
      constant in a game adds up in them and hides what changes.
    vision_forget_bias: what the bias of the ConvLSTM's forget gate starts from
      [C: 1]. With coupled gates, 1 makes its output 27 % of the present screen
      and -1 73 %; the rest is what was on the screens before.
    feature_norm: 'cells' brings each channel of the ConvLSTM's output to mean 0
      and deviation 1 over the cells of a row before it becomes keys and values
      [C: 'none']. Even ground then gives 0, and an object in few cells stands
      out.
    key_channels: the first channels of its output that become keys.
    queries: what attends: 'top_down' makes the queries from the policy LSTM's
      previous state; 'fixed' learns them as a bias [ablation, S3TA 4.4];
      'l2_norm' has none, and attends by the L2 norm of the keys [ablation].
    num_queries: attention heads; 1 for 'l2_norm', whose heads would be alike.
    norm_includes_basis: for 'l2_norm', whether the norm is over K = [O_K, S]
      or over O_K alone [C: alone].
    basis: 'one_to_four' takes frequencies 1..4 for both cosine and sine [C];
      'even_zero' takes 0..3 for the cosines, which adds a constant.
    query_hidden: hidden layers of the query MLP; its output follows from the
      number of queries and the key size.
    query_spread: standard deviation of the biases that top-down queries start
      from [C: 0]. Above 0 the heads look at different places from the start.
    answer_hidden, answer_size: the answer processor's MLP.
    answer_sees_queries: the answer processor gets the queries beside the
      answers [P]. They come from the state, not from the screen.
    head_sees_answer: policy and value see the processed answer, behind a ReLU,
      beside the policy LSTM's output [C: not].
    policy_core_size: units of the policy LSTM.
    head_hidden: units of the layer before policy and value.
    reconstruction_size: a decoder draws the screen again from what policy and
      value see, as so many cells each way; `learning.reconstruction_cost` is
      the weight of its error. Acting does not compute it [C: 0, no decoder].
    remat: compute the vision core's gates again in the backward pass, which
      saves most of the memory and costs a third more work.
  """

  training_parts: ClassVar[tuple[str, ...]] = ('reconstruction',)
  quick_settings: ClassVar[tuple[str, ...]] = (
    'environment.height=40',
    'environment.width=20',
    'network.conv_channels=8,16',
    'network.vision_channels=16',
    'network.query_hidden=32',
    'network.answer_hidden=64',
    'network.answer_size=64',
    'network.policy_core_size=64',
    'network.head_hidden=32',
  )

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'conv_channels': ranges.CHANNELS,
    'conv_kernels': ranges.PIXELS,
    'conv_strides': ranges.PIXELS,
    'vision_channels': ranges.Range(2, 4096),
    'vision_gain': ranges.Range(1e-3, 1000.0),
    'vision_blur': ranges.Range(0.0, 100.0),
    'vision_forget_bias': ranges.Range(-100.0, 100.0),
    'key_channels': ranges.CHANNELS,
    'num_queries': ranges.Range(1, 1024),
    'query_hidden': ranges.UNITS,
    'query_spread': ranges.Range(0.0, 1000.0),
    'answer_hidden': ranges.UNITS,
    'answer_size': ranges.UNITS,
    'policy_core_size': ranges.UNITS,
    'head_hidden': ranges.UNITS,
    'reconstruction_size': ranges.Range(0, 210),
  }

  conv_channels: tuple[int, ...] = (32, 64)
  conv_kernels: tuple[int, ...] = (8, 4)
  conv_strides: tuple[int, ...] = (4, 2)
  vision_channels: int = 128
  vision_gain: float = 1.0
  vision_centred: bool = False
  vision_blur: float = 0.0
  coupled_gates: bool = False
  vision_forget_bias: float = 1.0
  feature_norm: str = 'none'
  key_channels: int = 8
  queries: str = 'top_down'
  num_queries: int = 4
  norm_includes_basis: bool = False
  basis: str = 'one_to_four'
  query_hidden: tuple[int, ...] = (256, 128)
  query_spread: float = 0.0
  answer_hidden: tuple[int, ...] = (512,)
  answer_size: int = 256
  answer_sees_queries: bool = True
  head_sees_answer: bool = False
  policy_core_size: int = 256
  head_hidden: int = 128
  reconstruction_size: int = 0
  remat: bool = False

  def make(
    self,
    num_actions: int,
    observation_shape: tuple[int, int, int],
    max_abs_reward: float,
  ) -> 'nn.Module':
    """See `schema.NetworkConfig.make`."""
    from attn_agents.networks import s3ta

    return s3ta.S3TA(
      config=self,
      num_actions=num_actions,
      observation_size=observation_shape[:2],
      max_abs_reward=max_abs_reward,
    )

  @property
  def attention_layers(self) -> sizes.Convolutions:
    """See `schema.NetworkConfig.attention_layers`."""
    return sizes.Convolutions(self.conv_kernels, self.conv_strides)

  def validate(self) -> None:
    """Raises `errors.ConfigError` if the sizes cannot make a network."""
    super().validate()
    errors.choice('network.basis', self.basis, ('one_to_four', 'even_zero'))
    errors.choice(
      'network.queries', self.queries, ('top_down', 'fixed', 'l2_norm')
    )
    errors.choice('network.feature_norm', self.feature_norm, ('none', 'cells'))
    errors.require(
      self.queries != 'l2_norm' or self.num_queries == 1,
      'network.num_queries',
      self.num_queries,
      '1: with queries=l2_norm all heads would be the same map',
    )
    sizes.require_convolutions(
      self.conv_channels, self.conv_kernels, self.conv_strides
    )
    errors.require(
      self.key_channels < self.vision_channels,
      'network.key_channels',
      self.key_channels,
      f'between 1 and vision_channels - 1 = {self.vision_channels - 1}, since '
      'the rest become values',
    )


def paper() -> schema.Config:
  """Exactly the published sizes and hyperparameters."""
  return schema.Config(
    agent='s3ta',
    preset='paper',
    network=S3TAConfig(),
    algorithm='vtrace',
    learning=vtrace.VTraceConfig(),
  )


def small() -> schema.Config:
  """The same agent cut to a 2-core CPU: 84 x 84 grey, 7 x 7 cells, narrow.

  How it starts, the bounds of its cores and the norm of its features are our
  choice [C]: with the published ones a network as narrow stays blind for long
  where rewards say little (docs/sight.md). The decoder's error gives attention
  a gradient that rewards do not. tests/networks/sight_test.py asks whether the
  network sees drawn frames.
  """
  return schema.Config(
    agent='s3ta',
    preset='small',
    network=S3TAConfig(
      conv_channels=(16, 32),
      conv_kernels=(6, 4),
      conv_strides=(6, 2),
      vision_channels=16,
      vision_gain=6.0,
      vision_centred=True,
      coupled_gates=True,
      feature_norm='cells',
      key_channels=4,
      num_queries=8,
      query_hidden=(64, 64),
      query_spread=1.0,
      answer_sees_queries=False,
      head_sees_answer=True,
      reconstruction_size=14,
      answer_hidden=(128,),
      answer_size=128,
      policy_core_size=128,
    ),
    algorithm='appo',
    environment=small_presets.environment(),
    learning=small_presets.learning(),
    optimizer=small_presets.optimizer(),
  )
