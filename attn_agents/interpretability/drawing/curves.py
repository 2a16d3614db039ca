"""Curves over time, one panel for each measure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures


@figures.styled
def panels(
  seconds: np.ndarray,
  curves: Mapping[str, Mapping[str, np.ndarray]],
  shown: tuple[float, float] | None = None,
  over: str = 'time (s)',
  baselines: Sequence[str] = (),
) -> figure_lib.Figure:
  """Measures over time, such as how far an injected object changes them.

  Args:
    seconds: into the game, [T], ascending.
    curves: by the measure with its unit, a panel each ('attention (total
      variation)'), and by the line's name ('head 1'), [T].
    shown: when the object came and went, seconds.
    over: what `seconds` are, if not of the game.
    baselines: names among the lines that are drawn in grey.
  """
  figure, axes = figures.new(
    len(curves), 1, 0.5 + 1.5 * len(curves), sharex=True
  )
  for panel, (measure, named) in zip(axes[:, 0], curves.items(), strict=True):
    if shown is not None:
      panel.axvspan(*shown, color='0.9', label='object on screen')
    figures.lines(panel, seconds, named, baselines)
    panel.set_ylabel(measure.replace(' (', '\n('))
    if not any((np.asarray(values) < 0).any() for values in named.values()):
      panel.set_ylim(bottom=0)
    else:
      panel.axhline(0, color='0.5', linewidth=1, linestyle=':')
    if len(named) > 1 or (shown is not None and panel is axes[0, 0]):
      panel.legend(loc='center left', bbox_to_anchor=(1, 0.5))
  axes[-1, 0].set_xlabel(over)
  return figure
