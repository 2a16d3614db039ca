"""Deletion, insertion, and agreement with saliency."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures


@figures.styled
def draw(
  fractions: np.ndarray,
  deletion: Mapping[str, np.ndarray],
  insertion: Mapping[str, np.ndarray],
  agreement: Mapping[str, np.ndarray],
  baselines: Sequence[str] = (),
) -> figure_lib.Figure:
  """Deletion, insertion and agreement with saliency, a panel each.

  Args:
    fractions: of the cells that were deleted or inserted, [K] from 0 to 1.
    deletion: by the order of cells ('attention', 'random'), the change of the
      policy in total variation, [K]; large is good.
    insertion: the same for inserting, [K]; small is good.
    agreement: by what is compared, rank correlations with perturbation
      saliency, one for each row that was looked at; NaN counts for nothing.
    baselines: names among these that are drawn in grey.
  """
  figure, ((left, middle, right),) = figures.new(
    1, 3, 3.2, width_ratios=[1, 1, 1.15]
  )
  for panel, curves, title in (
    (left, deletion, 'deletion\n(large is good)'),
    (middle, insertion, 'insertion\n(small is good)'),
  ):
    figures.lines(panel, 100 * np.asarray(fractions), curves, baselines)
    panel.set_title(title)
    panel.set_xlabel('cells (%)')
  left.set_ylabel('change of the policy\n(total variation)')
  left.legend()
  box = right.boxplot(
    [x[np.isfinite(x)] for x in map(np.asarray, agreement.values())],
    widths=0.6,
    patch_artist=True,
    medianprops={'color': 'black'},
  )
  for patch, name in zip(box['boxes'], agreement, strict=True):
    grey = name in baselines
    patch.set_facecolor('0.85' if grey else (*figures.head_colour(0), 0.6))
  right.set_xticks(
    np.arange(len(agreement)) + 1,
    [_broken(name, 12) for name in agreement],
    rotation=35,
    ha='right',
  )
  right.axhline(0, color='0.5', linewidth=1, linestyle=':')
  right.set_title('agreement\nwith saliency')
  right.set_ylabel('rank correlation')
  return figure


def _broken(text: str, width: int) -> str:
  """Text on lines of no more than a width, where words allow it."""
  lines = ['']
  for word in text.split():
    if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
      lines.append('')
    lines[-1] = f'{lines[-1]} {word}'.strip()
  return '\n'.join(lines)
