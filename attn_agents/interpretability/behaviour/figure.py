"""How heads follow a target, by how far they are ahead of it."""

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import curves, figures


def lags(
  seconds: np.ndarray,
  correlation: np.ndarray,
  lift: np.ndarray,
  target: str,
) -> figure_lib.Figure:
  """Two panels over the lead of attention, a line for each head.

  Args:
    seconds: by which attention is ahead of the target, [L], ascending.
    correlation: of the centres of attention and target, [heads, L].
    lift: attention on the target over its share of the screen, [heads, L].
    target: its name.
  """
  names = figures.head_names(len(lift))
  return curves.panels(
    seconds,
    {
      'Correlation of centres': dict(zip(names, correlation, strict=True)),
      f'Lift on {target}': dict(zip(names, lift, strict=True)),
    },
    over='lead of attention (s)',
  )
