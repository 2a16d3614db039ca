"""Residual blocks, and residual attention: out = (1 + M(x)) T(x).

The trunk T is the residual blocks of IMPALA's deep network (Espeholt et al.
2018, Figure 3), so that M = 0 gives that network; the mask M in (0, 1)
amplifies what matters (DRARL, Zhu & Kaneko 2021, Eq. 1 and Figure 1).
"""

from collections.abc import Callable

import jax
from flax import linen as nn

from attn_agents.networks.cpu_kernels import pooling
from attn_agents.networks.layers import convolution

ATTENTIONS = ('none', 'residual', 'residual_simple')


class ResidualBlock(nn.Module):
  """x + conv(relu(conv(relu(x)))), 3 x 3 SAME convolutions with bias.

  Attributes:
    features: channels, of the input too.
    conv: makes a layer, as `convolution.Convolution` does.
  """

  features: int
  conv: Callable[..., nn.Module] = convolution.Convolution

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps float [..., height, width, features] to the same shape and dtype."""
    outputs = inputs
    for index in range(2):
      layer = self.conv(self.features, (3, 3), name=f'conv_{index}')
      outputs = layer(nn.relu(outputs))
    return inputs + outputs


class MaskBranch(nn.Module):
  """The soft mask M of residual attention (DRARL section 3.1).

  Pooling, residual blocks, bilinear interpolation back, two 1 x 1 convolutions
  and a sigmoid. The ReLU before each 1 x 1 convolution is our choice: the order
  of Wang et al. 2017, where the idea comes from, without their normalisation.

  Attributes:
    features: channels, of the input too; each has its own mask.
    num_blocks: residual blocks.
    resample: pool by 2 before the blocks and interpolate after them; Simple
      DRARL does neither.
    conv: makes a layer, as `convolution.Convolution` does.
  """

  features: int
  num_blocks: int
  resample: bool
  conv: Callable[..., nn.Module] = convolution.Convolution

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Maps float [..., height, width, features] to a mask of that shape."""
    outputs = pooling.max_pool(inputs) if self.resample else inputs
    for index in range(self.num_blocks):
      block = ResidualBlock(self.features, self.conv, name=f'block_{index}')
      outputs = block(outputs)
    if self.resample:
      outputs = jax.image.resize(outputs, inputs.shape, 'bilinear')
    for index in range(2):
      layer = self.conv(self.features, (1, 1), name=f'conv_{index}')
      outputs = layer(nn.relu(outputs))
    return nn.sigmoid(outputs)


class Section(nn.Module):
  """Convolution, max-pooling, and residual blocks with or without a mask.

  Without the parameters under `mask_branch`, those of a section with attention
  are those of one without.

  Sows into 'intermediates', with attention and where that collection is
  mutable: `mask` and `trunk`, each of the section's output's shape.

  Attributes:
    features: output channels.
    num_blocks: residual blocks, of the trunk.
    attention: one of `ATTENTIONS`; 'residual' multiplies the trunk by one plus
      a mask, 'residual_simple' by one plus a mask without resampling.
    mask_blocks: residual blocks of the mask branch.
    conv: makes a layer, as `convolution.Convolution` does.
  """

  features: int
  num_blocks: int
  attention: str
  mask_blocks: int
  conv: Callable[..., nn.Module] = convolution.Convolution

  @nn.compact
  def __call__(self, inputs: jax.Array) -> jax.Array:
    """Halves a [..., height, width, channels], rounding up.

    Raises:
      ValueError: if `attention` is unknown.
    """
    if self.attention not in ATTENTIONS:
      raise ValueError(
        f'attention is {self.attention!r}, must be one of {ATTENTIONS}.'
      )
    pooled = self.conv(self.features, (3, 3), pool=True, name='conv')(inputs)
    trunk = pooled
    for index in range(self.num_blocks):
      block = ResidualBlock(self.features, self.conv, name=f'block_{index}')
      trunk = block(trunk)
    if self.attention == 'none':
      return trunk
    mask = MaskBranch(
      self.features,
      self.mask_blocks,
      resample=self.attention == 'residual',
      conv=self.conv,
      name='mask_branch',
    )(pooled)
    if self.is_mutable_collection('intermediates'):
      self.sow('intermediates', 'mask', mask)
      self.sow('intermediates', 'trunk', trunk)
    return (1.0 + mask) * trunk
