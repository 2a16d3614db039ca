"""Atari through EnvPool (Weng et al. 2022), with the protocol of S3TA A.4.

EnvPool plays games only; ending episodes at lost lives is done here. Its own
`episodic_life` plays 1..noop_max no-ops after every lost life, drops the
rewards of those frames and, if they finish the game, starts the next without a
word. Here the row after a lost life is FIRST and shows the same screen again:
the emulator waits, no frame passes, and no reward can be lost. No-ops (and
FIRE, if asked for) come at the start of a game only.

EnvPool 0.8.4 draws 1..noop_max no-ops, or 0..noop_max - 1 and one FIRE where
`fire_reset` is on and the game has FIRE. What these frames score before the
agent's first observation counts nowhere, as in the protocol of DQN.
"""

import importlib
from typing import Any

import numpy as np

from attn_agents import types
from attn_agents.environments import game_tracker
from configs import errors, schema


def _import_envpool() -> Any:
  """Imports EnvPool without the notice its `gym` prints on stderr."""
  notices = importlib.import_module('gym_notices.notices').notices
  notices.clear()
  return importlib.import_module('envpool')


envpool = _import_envpool()


def envpool_id(game: str) -> str:
  """EnvPool's name of a game: ms_pacman becomes MsPacman-v5."""
  return ''.join(word.capitalize() for word in game.split('_')) + '-v5'


class AtariEnvironment:
  """B games of one ROM; see `base.Environment`.

  An episode ends (LAST) with discount 0 where the game is over or, with
  `episodic_life`, a life is lost; with discount 1 where only the frame cap cut
  the game. A life lost on the very step of the cap gives discount 0. Rewards
  are unclipped. Channels of stacked frames run from the oldest frame to the
  newest, each with its own red, green and blue; a stack is filled with one
  screen when a game starts, and runs on across lost lives.
  """

  def __init__(
    self,
    config: schema.EnvironmentConfig,
    num_envs: int,
    seed: int,
    num_threads: int,
    episodic_life: bool,
  ):
    """Loads the ROM into every environment.

    Args:
      config: the game and how it is shown.
      num_envs: B.
      seed: row i is seeded with seed + i, which must fit a positive int32.
      num_threads: of EnvPool, > 0.
      episodic_life: whether a lost life ends an episode; takes the place of
        the config's field, which evaluation overrules.

    Raises:
      ConfigError: for a setting that EnvPool cannot honour.
      ValueError: if EnvPool's observations do not have the config's shape.
    """
    _check_supported(config)
    self._pool: Any = envpool.make(
      envpool_id(config.game),
      env_type='gym',
      num_envs=num_envs,
      num_threads=num_threads,
      seed=seed,
      # Frames of a step that the cap would cut in two are not played.
      max_episode_steps=config.max_episode_frames // config.action_repeat,
      img_height=config.height,
      img_width=config.width,
      gray_scale=config.grayscale,
      stack_num=config.frame_stack,
      frame_skip=config.action_repeat,
      noop_max=config.noop_max,
      use_fire_reset=config.fire_reset,
      repeat_action_probability=config.sticky_action_probability,
      full_action_space=config.full_action_space,
      episodic_life=False,
      reward_clip=False,
    )
    self.num_envs = num_envs
    self.num_actions = int(self._pool.action_space.n)
    channels, height, width = self._pool.observation_space.shape
    self.observation_shape = (height, width, channels)
    expected = (config.height, config.width, config.channels)
    if self.observation_shape != expected:
      raise ValueError(
        f'{config.game}: EnvPool shows {self.observation_shape} (height, '
        f'width, channels) where the config says {expected}'
      )
    self._episodic_life = episodic_life
    self._games = game_tracker.GameTracker(num_envs)
    self._ended = np.zeros(num_envs, bool)
    self._waiting = np.zeros(num_envs, bool)
    self._lives = np.zeros(num_envs, np.int32)
    self._observation = np.zeros((num_envs, *expected), np.uint8)

  def reset(self) -> types.EnvOutput:
    """Starts new games in all rows; see `base.Environment.reset`."""
    screens, info = self._pool.reset()
    self._lives = info['lives']
    self._ended = np.zeros(self.num_envs, bool)
    self._waiting = np.zeros(self.num_envs, bool)
    self._show(np.arange(self.num_envs), screens)
    timestep = types.TimeStep(
      observation=self._observation,
      reward=np.zeros(self.num_envs, np.float32),
      discount=np.ones(self.num_envs, np.float32),
      step_type=np.full(self.num_envs, types.StepType.FIRST, np.int8),
    )
    return types.EnvOutput(timestep, self._games.reset())

  def step(self, action: np.ndarray) -> types.EnvOutput:
    """Plays `action_repeat` frames; see `base.Environment.step`.

    Rows after a LAST one play none, save for the no-ops of a new game.
    """
    first = self._ended
    reward, lives, game_over, cut = self._play(action)
    life_lost = np.zeros(self.num_envs, bool)
    if self._episodic_life:
      # Some games (atlantis) show 0 lives for some frames before they are over;
      # only the end counts there, as in OpenAI Baselines' EpisodicLifeEnv.
      life_lost = ~first & (lives > 0) & (lives < self._lives)
    terminated = game_over | life_lost
    game_ended = game_over | cut
    self._ended = terminated | cut
    self._waiting = self._ended & ~game_ended
    self._lives = lives
    step_type = np.where(
      first,
      types.StepType.FIRST,
      np.where(self._ended, types.StepType.LAST, types.StepType.MID),
    ).astype(np.int8)
    timestep = types.TimeStep(
      observation=self._observation,
      reward=reward,
      discount=np.where(terminated, 0, 1).astype(np.float32),
      step_type=step_type,
    )
    return types.EnvOutput(
      timestep, self._games.update(reward, step_type, game_ended)
    )

  def close(self) -> None:
    """Ends EnvPool's threads."""
    # EnvPool has no other way: its destructor joins them.
    self._pool = None

  def _play(
    self, action: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps the emulators that do not wait; renews `_observation`.

    Args:
      action: int32 [B].

    Returns:
      reward float32 [B], lives int32 [B], game_over bool [B] and cut bool [B],
      the last where the frame cap was reached. Rows that wait get 0, their
      old lives, and False.
    """
    reward = np.zeros(self.num_envs, np.float32)
    lives = self._lives.copy()
    game_over = np.zeros(self.num_envs, bool)
    cut = np.zeros(self.num_envs, bool)
    played = np.flatnonzero(~self._waiting).astype(np.int32)
    if not played.size:
      return reward, lives, game_over, cut
    self._pool.send(np.asarray(action, np.int32)[played], played)
    screens, reward[played], _, cut[played], info = self._pool.recv()
    lives[played] = info['lives']
    # Not the API's own `terminated`, which is False if a game that is over has
    # also reached the cap.
    game_over[played] = info['terminated'] != 0
    self._show(played, screens)
    return reward, lives, game_over, cut

  def _show(self, played: np.ndarray, screens: np.ndarray) -> None:
    """Puts screens [N, C, H, W] of the N rows played into a new observation."""
    observation = np.empty_like(self._observation)
    observation[self._waiting] = self._observation[self._waiting]
    # Plane by plane, which NumPy does over four times faster than the copy of
    # a transposed view: 0.7 against 3.2 ms for [16, 210, 160, 3].
    for row, screen in zip(played, screens, strict=True):
      for channel, plane in enumerate(screen):
        observation[row, :, :, channel] = plane
    self._observation = observation


def _check_supported(config: schema.EnvironmentConfig) -> None:
  """Refuses what EnvPool 0.8.4 would silently do wrong.

  It always pools a step's last frame with the frame before. With one frame per
  step that one is the pooled screen of the last step, so that every screen is
  the maximum of all since the game began; and no setting shows a frame
  unpooled (`tests/environments/envpool_pooling_test.py` shows both).
  """
  if not config.max_pool:
    raise errors.ConfigError(
      'environment.max_pool=False: EnvPool 0.8.4 always takes the maximum of '
      'the last two frames and cannot show one frame alone; leave it True'
    )
  if config.action_repeat < 2:
    raise errors.ConfigError(
      f'environment.action_repeat={config.action_repeat}: EnvPool 0.8.4 needs '
      'at least 2; at 1 it shows the maximum of all frames since the game began'
    )
