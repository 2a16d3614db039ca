"""Frames with and without the object, and what it changes in the agent."""

from collections.abc import Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import curves, figures, overlays
from attn_agents.interpretability.injection import divergence as divergence_lib

_SHARE = 'its share of the screen'


@figures.styled
def frames(
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
  pictures, names = (
    [list(plain), list(injected)],
    ['without object', 'with object'],
  )
  if attention is not None:
    colours = [overlays.head_colour(x) for x in range(attention.shape[1])]
    pictures.append(
      [
        overlays.spotlight(frame, maps, colours)
        for frame, maps in zip(injected, attention, strict=True)
      ]
    )
    names.append('all heads')
  return figures.strip(pictures, names, times)


def divergence(
  seconds: np.ndarray, found: divergence_lib.Divergence
) -> figure_lib.Figure:
  """What the object changes over time: attention, policy and value.

  Args:
    seconds: into the game, [T]; some of them show the object.
    found: of T rows.
  """
  heads = figures.head_names(found.mass.shape[1])
  panels: dict[str, dict[str, np.ndarray]] = {}
  if heads:
    panels['Attention (total variation)'] = dict(
      zip(heads, found.total_variation.T, strict=True)
    )
    panels['Attention on the object'] = {
      **dict(zip(heads, found.mass.T, strict=True)),
      _SHARE: found.area,
    }
  panels['Policy (KL, nats)'] = {'policy': found.policy_kl}
  panels['Value (difference)'] = {'value': found.value_difference}
  visible = seconds[found.visible]
  return curves.panels(
    seconds, panels, (visible[0], visible[-1]), baselines=[_SHARE]
  )
