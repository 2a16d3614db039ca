"""What/where maps of each head at a few moments (S3TA, Fig. 6)."""

from collections.abc import Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures, overlays


@figures.styled
def draw(
  frames: np.ndarray,
  maps: np.ndarray,
  times: Sequence[float] | None = None,
) -> figure_lib.Figure:
  """Frames and below them each head's what/where map (Fig. 6).

  Each head has a scale of its own over all moments, which is written beside it:
  the maps hold the attention weights as a factor, so those of a diffuse head
  are small.

  Args:
    frames: uint8 [T, H, W, 3], about 6 moments.
    maps: C of Eq. 11 at them, [T, heads, h, w], in [-ln 10, ln 10].
    times: of the moments, seconds into the game; None writes none.
  """
  limits = np.abs(maps).max(axis=(0, 2, 3))
  pictures = [list(frames)] + [
    [
      overlays.what_where(moment[head], frames.shape[1:3], limit=limit)
      for moment in maps
    ]
    for head, limit in enumerate(limits)
  ]
  names = ['game'] + [
    f'{name}\n±{limit:.2g}'
    for name, limit in zip(figures.head_names(len(limits)), limits, strict=True)
  ]
  figure = figures.strip(pictures, names, times)
  figure.supxlabel(
    'red: what (content) · blue: where (place) · white: neither, or both alike',
    fontsize=figures.FONT_SIZE,
  )
  return figure
