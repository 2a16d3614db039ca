"""The histogram of gradients on pixels (DRARL, Fig. 8)."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures


@figures.styled
def draw(
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
