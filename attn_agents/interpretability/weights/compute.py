"""How attention is distributed over cells (S3TA A.7, Figure 10).

Maps of any agent will do, as long as they sum to 1 over cells.
"""

import dataclasses
from typing import Any

import numpy as np

from attn_agents.interpretability.recordings import json_values

# Of a head's rows, for summaries.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def entropy(maps: np.ndarray) -> np.ndarray:
  """-sum(A log A) over cells, in nats.

  Args:
    maps: float [..., h, w], sums to 1 over cells.

  Returns:
    float64 [...], from 0, one cell, to log(h w), all alike.
  """
  maps = np.asarray(maps, np.float64)
  logs = np.log(np.where(maps > 0, maps, 1.0))
  # Without the + 0 a single cell's would be -0.
  return -(maps * logs).sum(axis=(-2, -1)) + 0.0


def effective_cells(maps: np.ndarray) -> np.ndarray:
  """exp(entropy), float64 [...]: that many equal cells are as widely spread."""
  return np.exp(entropy(maps))


@dataclasses.dataclass(frozen=True, eq=False)
class Distribution:
  """Of every head at every row, and over the rows.

  Attributes:
    entropy: float64 [N, heads], nats.
    effective_cells: float64 [N, heads], exp(entropy).
    largest: float64 [N, heads], the weight of the cell that has most.
    mean_map: float64 [heads, h, w], over rows.
  """

  entropy: np.ndarray
  effective_cells: np.ndarray
  largest: np.ndarray
  mean_map: np.ndarray

  def summary(self) -> dict[str, Any]:
    """A list over heads for each number; plain Python, fit for JSON.

    `cells_of_mean` is the effective number of cells of `mean_map`: where it is
    far above `effective_cells`, the head looks at other cells at other times.
    """
    height, width = self.mean_map.shape[1:]
    return json_values.json_ready(
      {
        'cells': height * width,
        'entropy_mean': self.entropy.mean(axis=0),
        'entropy_quantiles': _quantiles(self.entropy),
        'effective_cells_mean': self.effective_cells.mean(axis=0),
        'effective_cells_quantiles': _quantiles(self.effective_cells),
        'largest_mean': self.largest.mean(axis=0),
        'cells_of_mean': effective_cells(self.mean_map),
      }
    )


def distribution(attention: np.ndarray) -> Distribution:
  """Measures the maps of a recording.

  Args:
    attention: float [N, heads, h, w], at least one row.
  """
  spread = entropy(attention)
  return Distribution(
    entropy=spread,
    effective_cells=np.exp(spread),
    largest=np.asarray(attention, np.float64).max(axis=(-2, -1)),
    mean_map=attention.mean(axis=0, dtype=np.float64),
  )


def _quantiles(values: np.ndarray) -> dict[str, np.ndarray]:
  """By quantile, [heads] of values [N, heads]."""
  found = np.quantile(values, QUANTILES, axis=0)
  return {f'{q:g}': row for q, row in zip(QUANTILES, found, strict=True)}
