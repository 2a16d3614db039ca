"""Atari through EnvPool (Weng et al. 2022), with the protocol of S3TA A.1.

EnvPool plays games only; ending episodes at lost lives is done here. Its own
`episodic_life` plays 1..noop_max no-ops after every lost life, drops the
rewards of those frames and, if they finish the game, starts the next without a
word. Here the row after a lost life is FIRST and shows the same screen again:
the emulator waits, no frame passes, and no reward can be lost. With
`zero_discount_on_life_loss` there is no such row, and the agent's state runs on
as it will in evaluation: only the discount says that a life was lost. A game
starts with 1..noop_max no-ops. What they score before the agent's first
observation counts nowhere, as in the protocol of DQN.

With `fire_reset`, episodes open with steps that the agent does not choose
(`fire_reset.py`), as in OpenAI baselines. There, what they score is part of the
game's score, but no reward. Here it is added to the reward of the row after
FIRST, for a game's rewards should add up to its return: an agent that is scored
by points must be able to learn from them. With `fire_after_lost_life`, the
opening after a lost life is part of the step that lost it, and so are its
points: whole games of an agent whose lives opened in training.

Grey 84 x 84 screens are within half a level of the exact area average. Those of
baselines, which takes the maximum before the luminance, are up to 38 levels
brighter where sprites flicker (`tests/environments/preprocessing_test.py`).
"""

import contextlib
import importlib
from typing import Any

import numpy as np

from attn_agents import types
from attn_agents.environments import (
  atari_suite,
  fire_reset,
  game_tracker,
  incoming,
)
from configs import errors, schema

# More than any of the games has.
_MOST_LIVES = 255


def _import_envpool() -> Any:
  """Imports EnvPool without the notice that 0.8.4's `gym` prints on stderr."""
  # Newer ones do without gym and its notices.
  with contextlib.suppress(ModuleNotFoundError):
    importlib.import_module('gym_notices.notices').notices.clear()
  return importlib.import_module('envpool')


envpool = _import_envpool()


def envpool_id(game: str) -> str:
  """EnvPool's name of a game: ms_pacman becomes MsPacman-v5."""
  return ''.join(word.capitalize() for word in game.split('_')) + '-v5'


class AtariEnvironment:
  """B games of one ROM; see `base.Environment`.

  An episode ends (LAST) with discount 0 where the game is over or, with
  `episodic_life`, a life is lost; with discount 1 where only the frame cap cut
  the game. With `zero_discount_on_life_loss` it goes on from a lost life (MID)
  with discount 0. A life lost on the very step of the cap gives discount 0 with
  either. Rewards are unclipped. Channels of stacked frames run from the oldest
  frame to the newest, each with its own red, green and blue; a stack is filled
  with one screen when a game starts, and runs on across lost lives and
  openings. (In baselines `FrameStack` fills it with an episode's first screen
  and `VecFrameStack` with zeros.)

  An opening's steps are no agent steps, but count towards the frame cap. If the
  opening after a lost life ends the game, its `GameEnd` comes with the FIRST
  row, and only there count the points of that opening. A game that ends before
  the agent acted in it is not reported.

  With `stagger_steps` = S, the first game of row i is cut, as by the frame cap,
  after S * i / B agent steps, and is not reported: games that all last alike
  (boxing) would be at the same point in all rows for ever, and each batch would
  show that one only.
  """

  def __init__(
    self,
    config: schema.EnvironmentConfig,
    num_envs: int,
    seed: int,
    num_threads: int,
  ):
    """Loads the ROM into every environment.

    Args:
      config: the game and how it is shown.
      num_envs: B.
      seed: row i is seeded with seed + i, which must fit a positive int32.
      num_threads: of EnvPool, > 0.

    Raises:
      ConfigError: for a setting that EnvPool cannot honour, or a NumPy that it
        was not built for. `reset` and the first step raise it for arrays that
        cannot be right.
      ValueError: if EnvPool's observations or actions are not as many as the
        spec says.
    """
    self.num_envs = num_envs
    self.spec = atari_suite.SUITE.spec(config)
    self._pool = _make_pool(config, num_envs, seed, num_threads)
    incoming.check_pool(self._pool, self.spec, config.game)
    self._episodic_life = config.episodic_life
    self._lives_are_worth = (
      config.episodic_life or config.zero_discount_on_life_loss
    )
    self._opens_episodes = self.spec.opening != 'none'
    self._opens_lives = (
      self.spec.opening == 'each life' and not config.episodic_life
    )
    self._counts_lives = self._lives_are_worth or self._opens_lives
    self._games = game_tracker.GameTracker(num_envs)
    self._lives = np.zeros(num_envs, np.int32)
    self._observation = np.zeros(
      (num_envs, *self.spec.observation_shape), np.uint8
    )
    self._ended = np.zeros(num_envs, bool)
    # Its episode has ended, but not its game.
    self._waiting = np.zeros(num_envs, bool)
    # EnvPool's next step of it starts a new game.
    self._game_ended = np.zeros(num_envs, bool)
    # It does so only where told to, in games that were cut here.
    self._cut_here = np.zeros(num_envs, bool)
    # Agent steps until it is cut here; 0 or less: not.
    self._until_cut = np.zeros(num_envs, np.int64)
    self._stagger_steps = config.stagger_steps
    self._opening_score = np.zeros(num_envs, np.float32)
    # Arrays of EnvPool that nobody has looked at yet.
    self._unchecked = {'reset', 'step'}

  def reset(self) -> types.EnvOutput:
    """Starts new games in all rows; see `base.Environment.reset`."""
    rows = np.arange(self.num_envs)
    screens, info = self._pool.reset()
    if 'reset' in self._unchecked:
      self._unchecked.remove('reset')
      self._check_screens(screens, info, rows)
    self._lives = np.array(info['lives'])
    for flags in (
      self._ended, self._waiting, self._game_ended, self._cut_here
    ):  # fmt: skip
      flags[:] = False
    self._until_cut = rows * self._stagger_steps // self.num_envs
    self._renew_observation()
    self._show(rows, screens)
    opened = np.full(self.num_envs, self._opens_episodes)
    opening = fire_reset.play_opening(self._play, opened, restarted=True)
    self._opening_score = opening.score
    timestep = types.TimeStep(
      observation=self._observation,
      reward=np.zeros(self.num_envs, np.float32),
      discount=np.ones(self.num_envs, np.float32),
      step_type=np.full(self.num_envs, types.StepType.FIRST, np.int8),
    )
    return types.EnvOutput(timestep, self._games.reset())

  def step(self, action: np.ndarray) -> types.EnvOutput:
    """Plays `action_repeat` frames; see `base.Environment.step`.

    Rows after a LAST one play none, save for the no-ops of a new game and, with
    `fire_reset`, the opening.
    """
    first, in_game = self._ended, self._waiting
    self._renew_observation()
    opened = first & self._opens_episodes
    opening = fire_reset.play_opening(self._play, opened)
    # The opening of a game that had ended was no part of it.
    ended_early = in_game & ~np.isnan(opening.ended_score)
    self._until_cut[ended_early] = 0
    arrival = self._play(action, ~opened & ~in_game)
    if self._opens_lives and arrival.life_lost.any():
      arrival = fire_reset.play_after_lost_life(self._play, arrival)
    cut = self._cut_first_games(arrival, first)
    terminated = arrival.game_over | (arrival.life_lost & self._lives_are_worth)
    self._ended = arrival.episode_ended
    self._waiting = self._ended & ~arrival.game_ended
    timestep = types.TimeStep(
      observation=self._observation,
      reward=arrival.reward + self._opening_score,
      discount=np.where(terminated, 0, 1).astype(np.float32),
      step_type=np.where(
        first,
        types.StepType.FIRST,
        np.where(self._ended, types.StepType.LAST, types.StepType.MID),
      ).astype(np.int8),
    )
    self._opening_score = opening.score
    game_end = self._games.update(
      timestep.reward + np.where(ended_early, opening.ended_score, 0),
      timestep.step_type,
      (arrival.game_ended & ~cut) | ended_early,
    )
    self._games.forget(cut)
    return types.EnvOutput(timestep, game_end)

  def _cut_first_games(
    self, arrival: fire_reset.Arrival, first: np.ndarray
  ) -> np.ndarray:
    """Cuts first games whose time has come; says so in `arrival`.

    Args:
      arrival: of this step.
      first: bool [B], the rows to which it is no agent step.

    Returns:
      bool [B], the rows that were cut.
    """
    self._until_cut[~first] -= 1
    cut = (self._until_cut == 0) & ~first & ~arrival.game_ended
    self._until_cut[arrival.game_ended] = 0
    arrival.cut[cut] = arrival.episode_ended[cut] = True
    self._game_ended[cut] = self._cut_here[cut] = True
    return cut

  def close(self) -> None:
    """Ends EnvPool's threads."""
    # EnvPool has no other way: its destructor joins them.
    self._pool = None

  def _play(
    self, action: np.ndarray | int, rows: np.ndarray
  ) -> fire_reset.Arrival:
    """Steps some emulators and shows their screens in `_observation`.

    Args:
      action: int32 [B], or one for all.
      rows: bool [B], the rows to step. EnvPool starts a new game in those whose
        game had ended, whatever the action.
    """
    arrival = fire_reset.Arrival(
      np.zeros(self.num_envs, np.float32),
      *(np.zeros(self.num_envs, bool) for _ in range(4)),
    )
    restarted = rows & self._cut_here
    if restarted.any():
      self._restart(np.flatnonzero(restarted).astype(np.int32))
    played = np.flatnonzero(rows & ~restarted).astype(np.int32)
    if not played.size:
      return arrival
    actions = np.full(self.num_envs, action, np.int32)
    self._pool.send(actions[played], played)
    screens, reward, _, cut, info = self._pool.recv()
    if 'step' in self._unchecked:
      self._unchecked.remove('step')
      incoming.check('reward of EnvPool', reward, np.float32, played.shape)
      incoming.check('truncated of EnvPool', cut, np.bool_, played.shape)
      self._check_screens(screens, info, played)
    arrival.reward[played], arrival.cut[played] = reward, cut
    # Not the API's own `terminated`, which is False if a game that is over has
    # also reached the cap.
    arrival.game_over[played] = info['terminated'] != 0
    if self._counts_lives:
      # Some games (atlantis) show 0 lives for some frames before they are over;
      # only the end counts there, as in OpenAI Baselines' EpisodicLifeEnv.
      lives = info['lives']
      lost = (lives > 0) & (lives < self._lives[played])
      arrival.life_lost[played] = lost & ~self._game_ended[played]
    self._lives[played] = info['lives']
    self._game_ended[played] = arrival.game_ended[played]
    arrival.episode_ended[:] = arrival.game_ended | (
      arrival.life_lost & self._episodic_life
    )
    self._show(played, screens)
    return arrival

  def _restart(self, rows: np.ndarray) -> None:
    """Starts new games in rows, int32 [N], that were cut here."""
    screens, info = self._pool.reset(rows)
    self._lives[rows] = info['lives']
    self._game_ended[rows] = self._cut_here[rows] = False
    self._show(rows, screens)

  def _check_screens(
    self, screens: np.ndarray, info: dict[str, Any], rows: np.ndarray
  ) -> None:
    """Raises `ConfigError` unless these are what EnvPool shows of some rows."""
    height, width, channels = self.spec.observation_shape
    shape = (rows.size, channels, height, width)
    incoming.check('obs of EnvPool', screens, np.uint8, shape)
    for name, high in (
      ('env_id', self.num_envs - 1),
      ('lives', _MOST_LIVES),
      ('terminated', 1),
    ):
      incoming.check(
        f'{name} of EnvPool', info[name], np.integer, rows.shape, 0, high
      )
    if (info['env_id'] != rows).any():
      raise errors.ConfigError(
        f'env_id of EnvPool is {info["env_id"].tolist()}, expected '
        f'{rows.tolist()}: its arrays are of other rows'
      )

  def _renew_observation(self) -> None:
    """Leaves the last observation to its readers; keeps rows that wait."""
    observation = np.empty_like(self._observation)
    observation[self._waiting] = self._observation[self._waiting]
    self._observation = observation

  def _show(self, played: np.ndarray, screens: np.ndarray) -> None:
    """Puts screens [N, C, H, W] of the N rows played into the observation."""
    # Plane by plane, which NumPy does over four times faster than the copy of
    # a transposed view.
    for row, screen in zip(played, screens, strict=True):
      for channel, plane in enumerate(screen):
        self._observation[row, :, :, channel] = plane


def _make_pool(
  config: schema.EnvironmentConfig, num_envs: int, seed: int, num_threads: int
) -> Any:
  """Makes the emulators; see `AtariEnvironment.__init__`."""
  atari_suite.SUITE.validate(config)
  return envpool.make(
    envpool_id(config.game),
    env_type='gymnasium',
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
    use_fire_reset=False,
    repeat_action_probability=config.sticky_action_probability,
    full_action_space=config.full_action_space,
    episodic_life=False,
    reward_clip=False,
  )
