"""Games whose rows are known beforehand, in place of emulators."""

import numpy as np

from attn_agents import types
from attn_agents.environments import game_tracker, suite

ACTIONS = ('noop',)


class Counting:
  """Episodes of a fixed length; the observation counts rows since the start."""

  def __init__(self, length, num_envs):
    self.num_envs, self._length = num_envs, length
    self.spec = suite.EnvironmentSpec((1, 1, 1), ACTIONS, (1, 1, 3))
    self._rows = np.zeros(num_envs, np.int64)
    self._games = game_tracker.GameTracker(num_envs)
    self.closed = False

  def reset(self):
    self._rows[:] = 0
    return self._output(self._games.reset())

  def step(self, action):
    assert action.shape == (self.num_envs,)
    self._rows += 1
    output = self._output(None)
    ended = output.timestep.step_type == types.StepType.LAST
    return output._replace(
      game_end=self._games.update(
        output.timestep.reward, output.timestep.step_type, ended
      )
    )

  def close(self):
    self.closed = True

  def _output(self, game_end):
    place = self._rows % (self._length + 1)
    step_type = np.full(self.num_envs, types.StepType.MID, np.int8)
    step_type[place == 0] = types.StepType.FIRST
    step_type[place == self._length] = types.StepType.LAST
    one = np.ones(self.num_envs, np.float32)
    observation = (self._rows % 256).astype(np.uint8).reshape(-1, 1, 1, 1)
    return types.EnvOutput(
      types.TimeStep(observation, one * 0, one, step_type), game_end
    )
