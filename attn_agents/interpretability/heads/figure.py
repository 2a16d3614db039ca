"""The attention of each head at a few moments (S3TA, Figs. 2 and 4)."""

from collections.abc import Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures, overlays


@figures.styled
def draw(
  frames: np.ndarray,
  attention: np.ndarray,
  times: Sequence[float] | None = None,
) -> figure_lib.Figure:
  """Frames and below them what each head attends to (Fig. 2 and 4).

  Args:
    frames: uint8 [T, H, W, 3], about 6 moments, in time from left to right.
    attention: [T, heads, h, w] at them.
    times: of the moments, seconds into the game; None writes none.
  """
  pictures = [list(frames)]
  for head in range(attention.shape[1]):
    colour = overlays.head_colour(head)
    pictures.append(
      [
        overlays.spotlight(frame, maps[head : head + 1], [colour])
        for frame, maps in zip(frames, attention, strict=True)
      ]
    )
  names = ['game', *figures.head_names(attention.shape[1])]
  return figures.strip(pictures, names, times)
