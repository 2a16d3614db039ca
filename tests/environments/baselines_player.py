"""OpenAI baselines' wrappers played by hand on ale-py.

FireResetEnv(EpisodicLifeEnv(MaxAndSkipEnv(NoopResetEnv))), a method for each,
as `baselines/common/atari_wrappers.py` (ea25b9e) has them.
"""

import collections
import dataclasses

import ale_py
import numpy as np

from tests.environments import ale_player


@dataclasses.dataclass
class Score:
  """Of one game so far; what openings score is in the total."""

  total: float = 0.0
  agent_steps: int = 0


def has_fire(actions: list[ale_py.Action]) -> bool:
  """The condition under which baselines wraps a game in FireResetEnv."""
  return len(actions) >= 3 and actions[1] == ale_py.Action.FIRE


class BaselinesPlayer:
  """One game, cut off after `cap` steps of agent and openings together.

  Attributes:
    screens: the newest `stack`, oldest first, filled when a game starts.
    terminated: the last step lost a life or ended the game, cap aside.
    opening_reward: scored in the last opening, in the game that goes on.
    ended: the scores of all games that ended, in order.
    log: what the last `reset` did, in order.
  """

  def __init__(
    self,
    game: str,
    repeat: int = 4,
    cap: int = 27000,
    episodic_life: bool = True,
    full_action_space: bool = False,
    stack: int = 1,
  ):
    self.player = ale_player.AlePlayer(game, full_action_space)
    self.fire = has_fire(self.player.actions)
    self.repeat, self.cap, self.episodic_life = repeat, cap, episodic_life
    self.screens: collections.deque[np.ndarray] = collections.deque(
      maxlen=stack
    )
    self.lives = self.steps = 0
    self.was_real_done = True
    self.terminated = False
    self.opening_reward = 0.0
    self.score = Score()
    self.ended: list[Score] = []
    self.log: list[str] = []

  def reset(self) -> None:
    """FireResetEnv.reset."""
    self.opening_reward = 0.0
    self.log = []
    self._life_reset()
    for action in (1, 2) if self.fire else ():
      _, done = self._life_step(action)
      self.log.append(f'{action}{" done" * done}')
      if done:
        self._life_reset()

  def step(self, action: int) -> tuple[float, bool]:
    """An agent step: its reward, and whether the episode is done."""
    self.score.agent_steps += 1
    return self._life_step(action)

  def observation(self) -> np.ndarray | None:
    """All screens [210, 160, 3 * stack]; None if a step was cut short."""
    if not self.player.whole:
      return None
    return np.concatenate(list(self.screens), axis=-1)

  def _life_step(self, action: int) -> tuple[float, bool]:
    """EpisodicLifeEnv.step."""
    reward, done = self._skip_step(action)
    self.was_real_done = done
    lives = self.player.ale.lives()
    life_lost = self.episodic_life and 0 < lives < self.lives
    self.terminated = self.player.ale.game_over() or life_lost
    self.lives = lives
    return reward, done or life_lost

  def _life_reset(self) -> None:
    """EpisodicLifeEnv.reset."""
    if self.was_real_done:
      self._noop_reset()
      self.log.append('new game')
    else:
      _, done = self._skip_step(0)
      self.log.append('noop' + ' done' * done)
    self.lives = self.player.ale.lives()

  def _skip_step(self, action: int) -> tuple[float, bool]:
    """MaxAndSkipEnv.step, and the cap of TimeLimit."""
    if self._over():
      return 0.0, True
    reward = self.player.play(action, self.repeat)
    if self.player.whole:
      self.screens.append(self.player.pooled())
    self.steps += 1
    self.score.total += reward
    self.opening_reward += reward
    if self._over():
      self.ended.append(self.score)
    return reward, self._over()

  def _noop_reset(self) -> None:
    """NoopResetEnv.reset with one no-op."""
    self.screens.extend([self.player.start()] * self.screens.maxlen)
    self.steps = 0
    self.score = Score()
    self.opening_reward = 0.0

  def _over(self) -> bool:
    return self.player.ale.game_over() or self.steps >= self.cap
