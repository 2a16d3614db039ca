"""Curves: hard attention, injection, behaviour, trust."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures


@figures.styled
def hard_attention(
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
      [0.1], [published[0]], yerr=[published[1]], color='black', marker='*',
      markersize=10, capsize=3, linestyle='none', label='published, Table 5',
    )  # fmt: skip
  panel.set_xlabel("threshold t (share of each head's largest weight)")
  panel.set_ylabel('mean score / mean score at t = 0')
  panel.legend()
  return figure


@figures.styled
def divergence(
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
    if all(np.nanmin(values) >= 0 for values in named.values()):
      panel.set_ylim(bottom=0)
    else:
      panel.axhline(0, color='0.5', linewidth=1, linestyle=':')
    if len(named) > 1 or (shown is not None and panel is axes[0, 0]):
      panel.legend(loc='center left', bbox_to_anchor=(1, 0.5))
  axes[-1, 0].set_xlabel(over)
  return figure


@figures.styled
def trust(
  fractions: np.ndarray,
  deletion: Mapping[str, np.ndarray],
  insertion: Mapping[str, np.ndarray],
  agreement: Mapping[str, np.ndarray],
  baselines: Sequence[str] = (),
) -> figure_lib.Figure:
  """How far the pictures can be trusted: three panels.

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


def _broken(text: str, width: int = 14) -> str:
  """Text on lines of no more than a width, where words allow it."""
  lines = ['']
  for word in text.split():
    if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
      lines.append('')
    lines[-1] = f'{lines[-1]} {word}'.strip()
  return '\n'.join(lines)
