"""Starts an Atari game once, at the size the paper shows it."""

import importlib
import importlib.util
import pathlib

import numpy as np

from attn_agents.environments import registry as environments
from configs import schema

# For each game; the first includes the start of the process.
TIMEOUT_SECONDS = 60.0
_STEPS = 8
# Height and width that S3TA takes unresized; EnvPool would silently scale a ROM
# that draws other screens.
_SCREEN = (210, 160)


def play(game: str) -> str:
  """Plays a few random agent steps of one game at its raw size.

  Args:
    game: one of `configs.games.ATARI_GAMES`.

  Returns:
    One line: shape of the screens, size of the minimal action set, steps.

  Raises:
    RuntimeError: its screens are not 210 x 160 RGB, or all black.
    Exception: whatever the environment raises.
  """
  config = schema.EnvironmentConfig(game=game)
  environment = environments.make_environment(
    config, num_envs=1, seed=1, num_threads=1
  )
  rng = np.random.default_rng(0)
  observation = environment.reset().timestep.observation
  brightest = observation.max()
  for _ in range(_STEPS):
    action = rng.integers(environment.spec.num_actions, size=1, dtype=np.int32)
    observation = environment.step(action).timestep.observation
    brightest = max(brightest, observation.max())
  environment.close()
  if observation.shape != (1, *_SCREEN, 3):
    raise RuntimeError(f'screens of {observation.shape[1:]}')
  if not brightest:
    raise RuntimeError('every screen is black')
  size = 'x'.join(map(str, observation.shape[1:]))
  return (
    f'{size} ({_rom_screen(game)}), {environment.spec.num_actions:2d} actions, '
    f'{_STEPS} steps'
  )


def _rom_screen(game: str) -> str:
  """The size that the ROM itself draws, if ale-py (a dev tool) is installed."""
  if importlib.util.find_spec('ale_py') is None:
    return 'ROM not measured: no ale-py'
  ale_py = importlib.import_module('ale_py')
  ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
  ale = ale_py.ALEInterface()
  # The doctor imports this module, and must not load EnvPool with it.
  from attn_agents.environments import atari

  # Newer EnvPools keep the ROMs in a package of their own.
  spec = atari.envpool.make_spec(atari.envpool_id(game))
  roms = pathlib.Path(spec.config.base_path) / 'atari' / 'roms'
  ale.loadROM(str(roms / f'{game}.bin'))
  height, width = ale.getScreenDims()
  if (height, width) != _SCREEN:
    raise RuntimeError(f'the ROM draws {height}x{width}, not 210x160')
  return 'as the ROM draws'
