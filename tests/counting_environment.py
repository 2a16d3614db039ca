"""An environment that counts its own steps, so that others can be checked."""

from collections.abc import Sequence

import numpy as np

from attn_agents import types


class CountingEnvironment:
  """Shows the number of steps taken in the episode; see `base.Environment`.

  The whole observation is filled with the step in the episode (modulo 256), so
  pixel [b, 0, 0, 0] tells it. Every step gives reward 1 and any action will
  do. Episodes are whole games.

  Attributes:
    env_steps: int64 [B], how often each row really moved.
    actions: for each row, the actions that moved it, in order.
  """

  num_actions = 3

  def __init__(
    self,
    episode_lengths: Sequence[int],
    height: int = 1,
    width: int = 1,
    channels: int = 1,
    truncated: bool = False,
  ):
    """Builds B = len(episode_lengths) rows.

    Args:
      episode_lengths: steps per episode of each row, >= 1.
      height, width, channels: of an observation.
      truncated: episodes are cut off (discount 1) rather than terminated.
    """
    self.num_envs = len(episode_lengths)
    self.observation_shape = (height, width, channels)
    self._episode_lengths = np.asarray(episode_lengths)
    self._truncated = truncated
    self._count = np.zeros(self.num_envs, np.int64)
    self.env_steps = np.zeros(self.num_envs, np.int64)
    self.actions: list[list[int]] = [[] for _ in episode_lengths]

  def reset(self) -> types.EnvOutput:
    self._count[:] = 0
    return self._output(np.ones(self.num_envs, bool))

  def step(self, action: np.ndarray) -> types.EnvOutput:
    first = self._count == self._episode_lengths
    self._count = np.where(first, 0, self._count + 1)
    self.env_steps += ~first
    for row in np.flatnonzero(~first):
      self.actions[row].append(int(action[row]))
    return self._output(first)

  def close(self) -> None:
    pass

  def _output(self, first: np.ndarray) -> types.EnvOutput:
    last = self._count == self._episode_lengths
    observation = np.empty((self.num_envs, *self.observation_shape), np.uint8)
    observation[:] = (self._count % 256)[:, None, None, None]
    step_type = np.full(self.num_envs, types.StepType.MID, np.int8)
    step_type[last] = types.StepType.LAST
    step_type[first] = types.StepType.FIRST
    timestep = types.TimeStep(
      observation=observation,
      reward=np.where(first, 0, 1).astype(np.float32),
      discount=np.where(last & (not self._truncated), 0, 1).astype(np.float32),
      step_type=step_type,
    )
    lengths = self._episode_lengths
    game_end = types.GameEnd(
      game_return=np.where(last, lengths, np.nan).astype(np.float32),
      game_length=np.where(last, lengths, 0).astype(np.int32),
    )
    return types.EnvOutput(timestep, game_end)
