"""Flags of `run_local` and of the benchmarks that run it."""

from absl import flags

from attn_agents.utils import machine
from benchmarks import runner, settings
from configs import errors, resolution

SECONDS = flags.DEFINE_float(
  'seconds', 30.0, 'Length of the steady part of each run.', 0.0
)
ROW_SECONDS = flags.DEFINE_float(
  'row_seconds', 2.0, 'Between two rows of metrics.csv.', 0.1
)

# In the order in which they are compared, so that the first can run anywhere.
RUNTIMES = ('threads', 'launchpad')


def missing(runtime: str) -> str:
  """Why a runtime cannot run here; '' if it can.

  Raises:
    ConfigError: there is no such runtime.
  """
  if runtime not in RUNTIMES:
    raise errors.unknown('runtime', runtime, RUNTIMES)
  absent = machine.missing_libraries() if runtime == 'launchpad' else []
  return f'{" and ".join(absent)} not installed' if absent else ''


def run_local(runtime: str) -> list[str]:
  """Flags of `run_local` for what the shared flags ask for.

  Raises:
    ConfigError: naming the agent, game, preset or setting that does not exist.
  """
  values = settings.chosen()
  resolution.check_names(
    resolution.Request(
      agent=settings.AGENT.value,
      game=settings.game(),
      preset=settings.PRESET.value,
      algorithm=settings.ALGORITHM.value,
      settings=values,
    )
  )
  return [
    f'--runtime={runtime}',
    f'--agent={settings.AGENT.value}',
    f'--game={settings.game()}',
    f'--preset={settings.PRESET.value}',
    f'--algorithm={settings.ALGORITHM.value}',
    *(f'--set={value}' for value in values),
  ]


def lengths() -> tuple[float, float]:
  """Seconds of the steady part, and between two rows."""
  if runner.SMOKE.value:
    return 0.1, 0.1
  return SECONDS.value, ROW_SECONDS.value
