"""The Atari protocol played by hand on ale-py, one emulator frame at a time."""

import ale_py
import numpy as np
from ale_py import roms

NOOP = ale_py.Action.NOOP
FIRE = ale_py.Action.FIRE


class AlePlayer:
  """One game, without sticky actions. `frames` are those of the last step."""

  def __init__(self, game: str, full_action_space: bool = False):
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    self.ale = ale_py.ALEInterface()
    self.ale.setFloat('repeat_action_probability', 0.0)
    self.ale.setInt('random_seed', 1)
    self.ale.loadROM(roms.get_rom_path(game))
    self.actions = (
      self.ale.getLegalActionSet()
      if full_action_space
      else self.ale.getMinimalActionSet()
    )
    self.frames: list[np.ndarray] = []

  def start(self, noops: int = 1, fire: bool = False) -> np.ndarray:
    """Starts a game; returns the screen [210, 160, 3] after the no-ops."""
    self.ale.reset_game()
    for _ in range(noops):
      self.ale.act(NOOP)
    if fire:
      self.ale.act(FIRE)
    return self.ale.getScreenRGB()

  def play(self, action: int, repeat: int = 4) -> float:
    """Plays one agent step; returns its reward."""
    reward = 0.0
    self.frames = []
    for _ in range(repeat):
      reward += self.ale.act(self.actions[action])
      self.frames.append(self.ale.getScreenRGB())
      if self.ale.game_over():
        break
    return reward

  def pooled(self) -> np.ndarray:
    """The pixelwise maximum of the last two frames of the last step."""
    return np.maximum(self.frames[-2], self.frames[-1])
