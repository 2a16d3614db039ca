"""Whether two kinds of maps agree on where to look: rank correlation.

Spearman's: it asks only in which order cells are, so that maps of different
units compare. Agreement means something only beside that of maps that have
nothing to do with each other but the game: those of other moments.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.stats

from attn_agents.interpretability.saliency import compute as saliency


@dataclasses.dataclass(frozen=True)
class Agreement:
  """Rank correlations of N pictures and N references.

  Attributes:
    same: float64 [N], of the picture and the reference of each moment; NaN
      where one of them is the same everywhere.
    others: float64 [N], the baseline: the mean over pictures of all other
      moments with the reference of this one; NaN if there is none.
  """

  same: np.ndarray
  others: np.ndarray


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Rank correlations of all pairs, equal values sharing their mean rank.

  Args:
    first: [N, ...].
    second: [M, ...] with as many values each.

  Returns:
    float64 [N, M]; NaN where all values of one are equal.
  """
  with np.errstate(invalid='ignore'):
    return _normal_ranks(first) @ _normal_ranks(second).T


def agreement(pictures: np.ndarray, references: np.ndarray) -> Agreement:
  """Compares each picture with its own reference, and with those of others.

  Args:
    pictures: float [N, h, w].
    references: float [N, h, w].
  """
  pairs = spearman(references, pictures)
  elsewhere = np.where(np.eye(len(pairs), dtype=bool), np.nan, pairs)
  known = ~np.isnan(elsewhere)
  with np.errstate(invalid='ignore'):
    others = np.nansum(elsewhere, axis=1) / known.sum(axis=1)
  return Agreement(np.diagonal(pairs).copy(), others)


def with_saliency(
  attention: np.ndarray, maps: Sequence[saliency.SaliencyMap]
) -> dict[str, list[Agreement]]:
  """Agreement of attention with perturbation saliency, on attention's cells.

  Args:
    attention: float [N, heads, h, w].
    maps: N, of the same rows.

  Returns:
    By output, 'policy' and 'value': for each head, and at last for the sum over
    heads.
  """
  height, width = attention.shape[2:]
  references = np.stack([each.on_cells((height, width)) for each in maps])
  pictures = np.concatenate(
    [attention, np.sum(attention, axis=1, keepdims=True)], axis=1
  )
  return {
    output: [
      agreement(pictures[:, picture], references[:, index])
      for picture in range(pictures.shape[1])
    ]
    for index, output in enumerate(('policy', 'value'))
  }


def _normal_ranks(maps: np.ndarray) -> np.ndarray:
  """Ranks [N, values] of mean 0 and norm 1, NaN where there is no order."""
  flat = np.reshape(maps, (len(maps), -1))
  ranks = scipy.stats.rankdata(flat, axis=1)
  ranks -= ranks.mean(axis=1, keepdims=True)
  return ranks / np.linalg.norm(ranks, axis=1, keepdims=True)
