"""Where the network's outputs depend on what it sees, in the papers' layouts.

Saliency as S3TA's Fig. 7, Grad-CAM as DRARL's Fig. 6 and 7, and its histogram
of gradients, Fig. 8; frames with a novel object as S3TA's Fig. 3.
"""

import itertools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures, head_figures, overlays


@figures.styled
def saliency(
  frame: np.ndarray,
  agents: Mapping[str, tuple[np.ndarray, np.ndarray]],
  heads: Mapping[str, np.ndarray] | None = None,
) -> figure_lib.Figure:
  """Saliency of policy and value, one pair of panels for each agent (Fig. 7).

  Args:
    frame: uint8 [H, W, 3], all agents were given it.
    agents: by name, S_pi and S_V, each [h, w]; the baseline first, as in the
      paper. Each map is as bright as its own maximum allows, which is written
      below it.
    heads: by an agent's name, attention [h, w] of the head that corresponds,
      outlined in white at half its maximum.
  """
  columns = 2 * len(agents)
  figure, axes = figures.new(
    1, columns, figures.grid_height(1, max(columns, 3), frame.shape, 0.6),
    width=figures.WIDTH * columns / max(columns, 3),
  )  # fmt: skip
  panels = iter(zip(axes[0], 'abcdefgh', strict=False))
  for agent, maps in agents.items():
    for kind, values, colour in zip(
      ('policy', 'value'),
      maps,
      (overlays.POLICY_COLOUR, overlays.VALUE_COLOUR),
      strict=True,
    ):
      panel, letter = next(panels)
      picture = overlays.saliency(frame, values, colour)
      figures.show(panel, picture, f'({letter}) {kind}\n{agent}')
      panel.set_xlabel(f'largest: {np.max(values):.2g}')
      if heads and agent in heads:
        outline = overlays.enlarge(heads[agent], frame.shape[:2])
        panel.contour(
          outline, levels=[outline.max() / 2], colors='white', linewidths=1.2
        )
  return figure


@figures.styled
def grad_cam(
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
    scale, ax=list(axes.flat), ticks=[0, 1], shrink=0.6, pad=0.02,
    label="importance / each map's maximum",
  )  # fmt: skip
  return figure


@figures.styled
def gradient_histogram(
  edges: Sequence[float], shares: Mapping[str, np.ndarray]
) -> figure_lib.Figure:
  """How many gradients on pixels are how large (DRARL's Fig. 8).

  Args:
    edges: B + 1 ascending edges of |gradient|; the last may be infinite.
    shares: by the agent's name, [B] shares of all pixels; each sums to 1.
  """
  figure, ((panel,),) = figures.new(1, 1, 3.0)
  bars = len(shares)
  places = np.arange(len(edges) - 1)
  for index, (name, values) in enumerate(shares.items()):
    drawn = panel.bar(
      places + (index - (bars - 1) / 2) * 0.8 / bars,
      100 * np.asarray(values),
      width=0.8 / bars,
      color=figures.curve_colour(name, index),
      hatch=('', '//', '..', 'xx')[index % 4],
      edgecolor='white',
      label=name,
    )
    if bars <= 2:
      panel.bar_label(drawn, fmt='%.1f', fontsize=figures.FONT_SIZE, padding=1)
  names = [
    f'> {low:g}' if np.isinf(high) else f'{low:g} to {high:g}'
    for low, high in itertools.pairwise(edges)
  ]
  panel.set_xticks(places, names)
  panel.set_xlabel('|gradient| of the chosen action by an input pixel')
  panel.set_ylabel('share of input pixels (%)')
  panel.legend()
  return figure


@figures.styled
def injection_frames(
  plain: np.ndarray,
  injected: np.ndarray,
  attention: np.ndarray | None = None,
  times: Sequence[float] | None = None,
) -> figure_lib.Figure:
  """Frames without and with a novel object (S3TA's Fig. 3).

  Args:
    plain: uint8 [T, H, W, 3] of the game as it is.
    injected: uint8 [T, H, W, 3] of the game with the object, the same rows.
    attention: [T, heads, h, w] with the object: adds a row with all heads.
    times: seconds into the game.
  """
  pictures, names = [list(plain), list(injected)], ['as it is', 'with object']
  if attention is not None:
    colours = [overlays.head_colour(x) for x in range(attention.shape[1])]
    pictures.append(
      [
        overlays.spotlight(frame, maps, colours)
        for frame, maps in zip(injected, attention, strict=True)
      ]
    )
    names.append('all heads')
  return head_figures.strip(pictures, names, times)


def _heated(frame: np.ndarray, values: np.ndarray) -> np.ndarray:
  """A map in inferno over the grey frame, uint8 [H, W, 3]."""
  level = overlays.enlarge(values, frame.shape[:2])
  level /= max(float(np.max(values)), 1e-12)
  colours = matplotlib.colormaps['inferno'](np.clip(level, 0, 1))[..., :3] * 255
  # Where nothing matters the frame is seen; where much does, the map.
  share = (0.25 + 0.6 * np.clip(level, 0, 1))[..., None]
  grey = overlays.grey(frame)
  return np.rint(grey * (1 - share) + colours * share).astype(np.uint8)
