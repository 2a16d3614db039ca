"""The two ways in which agents of the papers see the screen, as a flag."""

from absl import flags

from configs import errors

_SIZES = {
  '84x84x4': (
    'environment.height=84',
    'environment.width=84',
    'environment.grayscale=true',
    'environment.frame_stack=4',
  ),
  '210x160x3': (
    'environment.height=210',
    'environment.width=160',
    'environment.grayscale=false',
    'environment.frame_stack=1',
  ),
}
SIZE = flags.DEFINE_string(
  'size', '84x84x4', f'Observations: {" or ".join(_SIZES)}.'
)


def settings() -> tuple[str, ...]:
  """'environment.field=value' strings for the size asked for.

  Raises:
    ConfigError: there is no such size.
  """
  errors.choice('--size', SIZE.value, tuple(_SIZES))
  return _SIZES[SIZE.value]
