"""The Atari protocol played by hand on ale-py, one emulator frame at a time."""

import ale_py
import numpy as np
from ale_py import roms

NOOP = ale_py.Action.NOOP


class AlePlayer:
  """One game, without sticky actions.

  Attributes:
    frames, gray_frames: screens [210, 160, 3] and [210, 160] of the last two
      frames of the last step; fewer if the game ended before them, and one if
      the game has just started.
    whole: whether all frames of the last step were played.
  """

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
    self.gray_frames: list[np.ndarray] = []
    self.whole = True

  def start(self, noops: int = 1) -> np.ndarray:
    """Starts a game; returns the screen [210, 160, 3] after the no-ops."""
    self.ale.reset_game()
    for _ in range(noops):
      self.ale.act(NOOP)
    self.frames, self.gray_frames, self.whole = [], [], True
    self._record()
    return self.frames[-1]

  def play(self, action: int, repeat: int = 4) -> float:
    """Plays one agent step; returns its reward."""
    reward = 0.0
    self.frames, self.gray_frames = [], []
    for left in reversed(range(repeat)):
      reward += self.ale.act(self.actions[action])
      if left < 2:
        self._record()
      if self.ale.game_over():
        break
    self.whole = left == 0
    return reward

  def pooled(self) -> np.ndarray:
    """The pixelwise maximum of `frames`, of a step that was not cut short."""
    return np.max(self.frames, axis=0)

  def _record(self) -> None:
    self.frames.append(self.ale.getScreenRGB())
    self.gray_frames.append(self.ale.getScreenGrayscale())
