"""Grad-CAM maps over frames (DRARL, Figs. 6 and 7)."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures, overlays


@figures.styled
def draw(
  frames: np.ndarray,
  maps: Mapping[str, np.ndarray],
  columns: Sequence[str],
) -> figure_lib.Figure:
  """Grad-CAM maps over the frame, an agent a row (DRARL's Fig. 6 and 7).

  Args:
    frames: uint8 [K, H, W, 3], one for each column; may be K times the same.
    maps: by the agent's name, [K, h, w], not negative.
    columns: what each is, for instance '0 %', '36 %', '72 %' and '100 %' of
      training.
  """
  figure, axes = figures.new(
    len(maps),
    len(columns),
    figures.grid_height(len(maps), max(len(columns), 3) + 1, frames.shape[1:]),
    width=figures.WIDTH * (len(columns) + 1) / (max(len(columns), 3) + 1),
  )
  for row, (name, stages) in enumerate(maps.items()):
    for frame, values, panel in zip(frames, stages, axes[row], strict=True):
      figures.show(panel, _heated(frame, values))
    axes[row, 0].set_ylabel(name)
  for panel, title in zip(axes[0], columns, strict=True):
    panel.set_title(title)
  scale = matplotlib.cm.ScalarMappable(cmap='inferno')
  scale.set_clim(0, 1)
  figure.colorbar(
    scale,
    ax=list(axes.flat),
    ticks=[0, 1],
    shrink=0.6,
    pad=0.02,
    label="importance / each map's maximum",
  )
  return figure


def _heated(frame: np.ndarray, values: np.ndarray) -> np.ndarray:
  """A map in inferno over the grey frame, uint8 [H, W, 3]."""
  level = overlays.enlarge(values, frame.shape[:2])
  level /= max(float(np.max(values)), 1e-12)
  colours = matplotlib.colormaps['inferno'](np.clip(level, 0, 1))[..., :3] * 255
  # Where nothing matters the frame is seen; where much does, the map.
  share = (0.25 + 0.6 * np.clip(level, 0, 1))[..., None]
  grey = overlays.grey(frame)
  return np.rint(grey * (1 - share) + colours * share).astype(np.uint8)
