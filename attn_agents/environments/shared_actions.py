"""The 18 actions of the Atari 2600 in every game, as one agent of many needs.

A joystick has nine positions, each with or without the button. A game reads
what it knows of them. Of an action that it does not have, it reads the position
alone; if it has no such position either, the action is a no-op.
"""

import dataclasses
from typing import TYPE_CHECKING

from attn_agents.environments import suite

if TYPE_CHECKING:
  import numpy as np

  from attn_agents import types
  from attn_agents.environments import base

NAMES = (
  'noop',
  'fire',
  'up',
  'right',
  'left',
  'down',
  'upright',
  'upleft',
  'downright',
  'downleft',
  'upfire',
  'rightfire',
  'leftfire',
  'downfire',
  'uprightfire',
  'upleftfire',
  'downrightfire',
  'downleftfire',
)
# Names of doing nothing; every game has one of them.
_NOTHING = ('noop', 'stay')


def numbers(actions: tuple[str, ...]) -> tuple[int, ...]:
  """What each of the 18 is in a game.

  Args:
    actions: of the game, in the order of their numbers.

  Raises:
    ValueError: none of them does nothing.
  """
  nothing = [name for name in _NOTHING if name in actions]
  if not nothing:
    raise ValueError(f'no action of {" ".join(actions)} does nothing')

  def found(name: str) -> int:
    for wanted in (name, name.removesuffix('fire')):
      if wanted in actions:
        return actions.index(wanted)
    return actions.index(nothing[0])

  return tuple(found(name) for name in NAMES)


def spec(of: suite.EnvironmentSpec) -> suite.EnvironmentSpec:
  """A game's spec with the 18 actions."""
  return dataclasses.replace(of, actions=NAMES)


class SharedActions:
  """Environments of a game that are given the 18; see `base.Environment`."""

  def __init__(self, environment: 'base.Environment'):
    """Takes over an environment, which nobody else steps from now on."""
    # Configs, which are free of NumPy, need the rest of this module.
    import numpy as np

    self._environment = environment
    self._numbers = np.array(numbers(environment.spec.actions), np.int32)
    self.num_envs = environment.num_envs
    self.spec = spec(environment.spec)

  def reset(self) -> 'types.EnvOutput':
    """See `base.Environment.reset`."""
    return self._environment.reset()

  def step(self, action: 'np.ndarray') -> 'types.EnvOutput':
    """See `base.Environment.step`."""
    return self._environment.step(self._numbers[action])

  def close(self) -> None:
    """See `base.Environment.close`."""
    self._environment.close()
