"""Whether a head asks what is there or where it is (S3TA A.5, Eqs. 8-11).

A logit is the sum of a content part and a spatial one, and the larger of the
two is what the head goes by. A constant added to either part would not change
attention, but does change the difference; like the paper, we take the parts as
they are.
"""

import dataclasses
from typing import Any

import numpy as np

from attn_agents.interpretability.recordings import json_values, recording
from attn_agents.networks.layers import spatial_basis

# Eq. 10's bound, a factor of ten.
LIMIT = float(np.log(10.0))


@dataclasses.dataclass(frozen=True, eq=False)
class WhatWhere:
  """Of every head at every row.

  Attributes:
    what: float32 [N, heads, h, w], the content part of the logits, Eq. 8.
    where: float32 [N, heads, h, w], the spatial part, Eq. 9.
    difference: float32 [N, heads, h, w], D of Eq. 10: what - where, cut to
      [-log(10), log(10)].
    contribution: float32 [N, heads, h, w], C of Eq. 11: D times attention; red
      where it is positive (what), blue where it is negative (where).
    balance: float64 [N, heads], the sum of C over cells, divided by log(10):
      1 if all attention goes by content, -1 if all goes by place.
  """

  what: np.ndarray
  where: np.ndarray
  difference: np.ndarray
  contribution: np.ndarray
  balance: np.ndarray

  def summary(self) -> dict[str, Any]:
    """Over rows, a list over heads for each number; fit for JSON.

    `what_rows` and `where_rows` are the shares of rows in which content, or
    place, outweighs the other: balance above 1/3, below -1/3.
    """
    return json_values.json_ready(
      {
        'balance_mean': self.balance.mean(axis=0),
        'balance_deviation': self.balance.std(axis=0),
        'what_rows': (self.balance > 1 / 3).mean(axis=0),
        'where_rows': (self.balance < -1 / 3).mean(axis=0),
      }
    )


def what_where(
  queries: np.ndarray,
  keys: np.ndarray,
  attention: np.ndarray,
  basis: np.ndarray,
) -> WhatWhere:
  """Takes logits apart.

  Args:
    queries: float [N, heads, k + b].
    keys: float [N, h, w, k], O_K, without the basis.
    attention: float [N, heads, h, w].
    basis: float [h, w, b], S.

  Raises:
    ValueError: a query is not as long as keys and basis together.
  """
  size = keys.shape[-1]
  if queries.shape[-1] != size + basis.shape[-1]:
    raise ValueError(
      f'queries have {queries.shape[-1]} channels, keys and basis '
      f'{size} + {basis.shape[-1]}'
    )
  what = np.einsum(
    'nqk,nijk->nqij', queries[..., :size], keys, optimize=True
  ).astype(np.float32)
  where = np.einsum(
    'nqb,ijb->nqij', queries[..., size:], basis, optimize=True
  ).astype(np.float32)
  difference = np.clip(what - where, -LIMIT, LIMIT)
  contribution = difference * attention
  balance = contribution.sum(axis=(-2, -1), dtype=np.float64) / LIMIT
  return WhatWhere(what, where, difference, contribution, balance)


def of_recording(recorded: recording.Recording) -> WhatWhere:
  """The same of all rows of a recording.

  Raises:
    ValueError: its agent attends without queries, or not at all.
  """
  if 'queries' not in recorded:
    raise ValueError(
      f'{recorded.path}: what and where are parts of queries, and '
      f'{recorded.facts.get("agent", "this agent")} has none'
    )
  keys = recorded['keys']
  _, height, width, _ = keys.shape
  basis = spatial_basis.spatial_basis(height, width, recorded.facts['basis'])
  return what_where(recorded['queries'], keys, recorded['attention'], basis)
