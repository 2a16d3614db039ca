"""Saliency of policy and value (S3TA, Fig. 7)."""

from collections.abc import Mapping

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures, overlays


@figures.styled
def draw(
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
    1,
    columns,
    figures.grid_height(1, max(columns, 3), frame.shape, 0.6),
    width=figures.WIDTH * columns / max(columns, 3),
  )
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
