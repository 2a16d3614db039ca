"""Checks of layers' sizes that the networks of several agents share."""

from typing import NamedTuple

from configs import errors


class Convolutions(NamedTuple):
  """Convolutions one after another, as far as they decide what a cell sees.

  Attributes:
    kernels, strides: one entry per layer, of both axes.
    padding: 'SAME' or 'VALID', of all layers.
    border: rows and columns of zeros put around the frame before the first.
  """

  kernels: tuple[int, ...]
  strides: tuple[int, ...]
  padding: str = 'SAME'
  border: int = 0


def require_convolutions(
  channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]
) -> None:
  """Raises `errors.ConfigError` unless each convolution has one of each."""
  errors.require(
    len(channels) == len(kernels) == len(strides) > 0,
    'network.conv_channels',
    channels,
    'as many entries as conv_kernels and conv_strides, at least one',
  )


def require_kernels_fit(
  kernels: tuple[int, ...],
  strides: tuple[int, ...],
  height: int,
  width: int,
  padding: int = 0,
) -> None:
  """Raises `errors.ConfigError` if a kernel is larger than what it sees.

  Args:
    kernels: of VALID convolutions, one after another.
    strides: of the same.
    height: of the frames.
    width: of the frames.
    padding: rows and columns of zeros around them.
  """
  height, width = height + 2 * padding, width + 2 * padding
  for index, (kernel, stride) in enumerate(zip(kernels, strides, strict=True)):
    errors.require(
      kernel <= min(height, width),
      'network.conv_kernels',
      kernels,
      f'at most {min(height, width)} in layer {index}, which sees '
      f'{height} x {width}',
    )
    height = (height - kernel) // stride + 1
    width = (width - kernel) // stride + 1
