"""What an edit of the emulator's screen changes in what the agent sees.

Whatever else is there stays as the environment gave it, to the last bit: only
the difference that the edit makes is worked out here and added.
"""

from collections import deque

import numpy as np

from attn_agents.environments import suite

_LUMINANCE = np.array([0.299, 0.587, 0.114])


def area_weights(size: int, target: int) -> np.ndarray:
  """The share of each old pixel in each new one, float64 [target, size]."""
  edges = np.arange(target + 1) * size / target
  old = np.arange(size)
  covered = np.minimum(edges[1:, None], old + 1) - np.maximum(
    edges[:-1, None], old
  )
  return np.maximum(covered, 0.0) * target / size


class AgentView:
  """Brings edits of the screen of one game into its observations."""

  def __init__(self, spec: suite.EnvironmentSpec):
    """Starts before a game.

    Args:
      spec: of the game; observations show the whole screen, resized by area.
        The channels of one frame are luminance, or red, green and blue.
        More channels repeat these.
    """
    height, width, channels = spec.observation_shape
    per_frame = channels // spec.frames_in_stack
    self._grayscale = per_frame % 3 != 0
    self._repeats = per_frame if self._grayscale else per_frame // 3
    self._rows = area_weights(spec.screen_shape[0], height)
    self._columns = area_weights(spec.screen_shape[1], width)
    self._changes: deque[np.ndarray] = deque(maxlen=spec.frames_in_stack)

  def edit(
    self,
    observation: np.ndarray,
    frame: np.ndarray,
    edited: np.ndarray,
    is_first: bool,
  ) -> np.ndarray:
    """The observation as it would be had the screen looked like `edited`.

    Call it once for every row, edited or not: stacked frames keep the edits
    they had when they were new. At a game's first row all of them get that
    row's.

    Args:
      observation: uint8 [height, width, channels], of the unedited screen.
      frame: uint8 [H, W, 3], the unedited screen.
      edited: uint8 [H, W, 3].
      is_first: whether this is the first row of a game.
    """
    change = self._shrink(edited) - self._shrink(frame)
    if is_first:
      self._changes.extend([change] * (self._changes.maxlen or 1))
    self._changes.append(change)
    total = np.concatenate(list(self._changes), axis=-1)
    return np.clip(observation + total, 0, 255).astype(np.uint8)

  def _shrink(self, frame: np.ndarray) -> np.ndarray:
    """The newest frame of an observation, int [height, width, channels]."""
    levels = frame.astype(np.float64)
    if self._grayscale:
      levels = np.rint(levels @ _LUMINANCE)[..., None]
    averaged = np.einsum(
      'hH,HWc,wW->hwc', self._rows, levels, self._columns, optimize=True
    )
    return np.tile(np.rint(averaged).astype(int), (1, 1, self._repeats))
