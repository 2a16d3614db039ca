"""Which agent and sizes to measure: flags that all benchmarks share."""

import jax
from absl import flags

from attn_agents.utils import machine
from benchmarks import runner
from configs import resolution, schema

AGENT = flags.DEFINE_string('agent', 's3ta', 'Agent to measure.')
PRESET = flags.DEFINE_string(
  'preset', 'small', 'Its sizes: small, paper, or auto by the device.'
)
GAME = flags.DEFINE_string('game', 'ms_pacman', 'Game to play.')
ALGORITHM = flags.DEFINE_string(
  'algorithm', 'auto', "As of run_local.py; auto: the preset's own."
)
BATCH_SIZE = flags.DEFINE_integer(
  'batch_size', None, 'Unrolls per update; that of the preset if unset.', 1
)
UNROLL_LENGTH = flags.DEFINE_integer(
  'unroll_length', None, 'Agent steps per unroll; likewise.', 1
)
SET = flags.DEFINE_multi_string(
  'set', [], 'A field of the config, as section.field=value'
)
XLA_FLAGS = flags.DEFINE_multi_string(
  'xla_flags',
  [],
  'Also measure our form in a process with these XLA_FLAGS, in benchmarks that '
  'compute in their own process',
)

# Beside the quick settings of the agent's network.
_SMOKE_RUN = (
  'environment.height=20',
  'environment.width=16',
  'learning.unroll_length=2',
  'learning.batch_size=8',
)


def config(*settings: str) -> schema.Config:
  """What the flags say, or the same agent at toy sizes for `--smoke`.

  Args:
    *settings: 'section.field=value', applied after those of the flags.

  Raises:
    ConfigError: one line on what is wrong with the flags.
  """
  request = resolution.Request(
    agent=AGENT.value,
    game=game(),
    preset=PRESET.value,
    algorithm=ALGORITHM.value,
    settings=[*chosen(), *settings],
  )
  return resolution.resolve(
    request,
    jax.default_backend(),
    jax.local_device_count(),
    machine.describe().cores,
  )


def game() -> str:
  """The game: Catch for `--smoke`, which needs no emulator."""
  return 'catch' if runner.SMOKE.value else GAME.value


def seconds(value: float) -> float:
  """Least length of one measurement: `value`, or nothing for `--smoke`."""
  return 0.0 if runner.SMOKE.value else value


def chosen() -> list[str]:
  """The flags as 'section.field=value', what `--smoke` makes smaller first."""
  sizes = {
    'learning.batch_size': BATCH_SIZE.value,
    'learning.unroll_length': UNROLL_LENGTH.value,
  }
  asked = [f'{name}={value}' for name, value in sizes.items() if value]
  return [*_smoke_settings(), *asked, *SET.value]


def _smoke_settings() -> tuple[str, ...]:
  if not runner.SMOKE.value:
    return ()
  plain = resolution.Request(agent=AGENT.value, preset=PRESET.value)
  resolution.check_names(plain)
  quick = resolution.resolve(plain, 'cpu', 1, 1).network.quick_settings
  narrow = [x for x in quick if x.startswith('network.')]
  return (*narrow, *_SMOKE_RUN)
