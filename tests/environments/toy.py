"""A suite that is in this file only: not 210 x 160, with five actions.

It is the whole of what a new suite needs: a `Suite` and its environment.
"""

import dataclasses

import numpy as np

from attn_agents import types
from attn_agents.environments import game_tracker, suite
from configs import errors

ACTIONS = ('back', 'stay', 'step', 'jump', 'leap')
_FRAMES_PER_STEP = 3
_EPISODE_LENGTH = 8


class ToySuite(suite.Suite):
  """See `suite.Suite`; sizes do not depend on the config's."""

  name = 'toy'
  games = ('lights',)

  def spec(self, config):
    return suite.EnvironmentSpec(
      observation_shape=(8, 12, 1) if config.grayscale else (16, 24, 3),
      actions=ACTIONS,
      screen_shape=(16, 24, 3),
      action_repeat=_FRAMES_PER_STEP,
      frames_per_second=30.0,
    )

  def make(self, config, num_envs, seed, num_threads):
    return Lights(self.spec(config), num_envs, seed)

  def validate(self, config):
    errors.require(
      not config.fire_reset, 'environment.fire_reset', True, 'false'
    )

  def screen(self, config):
    return dataclasses.replace(config, grayscale=False)


SUITE = ToySuite()


class Lights:
  """One of five columns is lit; the action of its number is rewarded by 1."""

  def __init__(self, spec, num_envs, seed):
    self.spec, self.num_envs = spec, num_envs
    self._rngs = [np.random.default_rng(seed + i) for i in range(num_envs)]
    self._games = game_tracker.GameTracker(num_envs)
    self._lit = np.zeros(num_envs, np.int64)
    self._steps = np.zeros(num_envs, np.int64)

  def reset(self):
    self._steps[:] = 0
    self._light()
    zeros = np.zeros(self.num_envs, np.float32)
    first = np.full(self.num_envs, types.StepType.FIRST, np.int8)
    return types.EnvOutput(
      types.TimeStep(self._draw(), zeros, zeros + 1, first),
      self._games.reset(),
    )

  def step(self, action):
    first = self._steps == _EPISODE_LENGTH
    reward = np.where(first, 0, action == self._lit).astype(np.float32)
    self._steps = np.where(first, 0, self._steps + 1)
    self._light()
    last = self._steps == _EPISODE_LENGTH
    step_type = np.full(self.num_envs, types.StepType.MID, np.int8)
    step_type[last], step_type[first] = (
      types.StepType.LAST,
      types.StepType.FIRST,
    )
    timestep = types.TimeStep(
      self._draw(), reward, np.where(last, 0, 1).astype(np.float32), step_type
    )
    return types.EnvOutput(
      timestep, self._games.update(reward, step_type, last)
    )

  def close(self):
    pass

  def _light(self):
    self._lit = np.array([rng.integers(len(ACTIONS)) for rng in self._rngs])

  def _draw(self):
    height, width, channels = self.spec.observation_shape
    scale = width // (2 * len(ACTIONS))
    screen = np.zeros((self.num_envs, height, width, channels), np.uint8)
    for row, lit in enumerate(self._lit):
      screen[row, :, 2 * scale * lit : 2 * scale * lit + scale] = 255
    return screen
