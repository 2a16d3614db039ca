"""Scores with hard attention (S3TA, A.6)."""

from collections.abc import Mapping

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures


@figures.styled
def draw(
  thresholds: np.ndarray,
  ratios: Mapping[str, tuple[np.ndarray, np.ndarray]],
  published: tuple[float, float] | None = None,
) -> figure_lib.Figure:
  """The score with hard attention over that without (S3TA, A.6).

  Args:
    thresholds: t of Eq. 12, [K].
    ratios: by the game's name, ratio of mean scores and its standard error,
      each [K]; NaN where there is none.
    published: ratio and error of Table 5, at t = 0.1.
  """
  figure, ((panel,),) = figures.new(1, 1, 3.0, width=5.0)
  panel.axhline(1, color='0.5', linewidth=1, linestyle=':')
  for index, (name, (ratio, error)) in enumerate(ratios.items()):
    panel.errorbar(
      thresholds,
      ratio,
      yerr=error,
      color=figures.curve_colour(name, index),
      marker='osD^v'[index % 5],
      capsize=3,
      label=name,
    )
  if published is not None:
    panel.errorbar(
      [0.1],
      [published[0]],
      yerr=[published[1]],
      color='black',
      marker='*',
      markersize=10,
      capsize=3,
      linestyle='none',
      label='published, Table 5',
    )
  panel.set_xlabel("threshold t (share of each head's largest weight)")
  panel.set_ylabel('mean score / mean score at t = 0')
  panel.legend()
  return figure
