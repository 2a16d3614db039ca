"""How attention is spread over the screen (S3TA A.7, Fig. 10)."""

import math
from typing import Any

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.weights import compute, figure


def run(given: context.Context) -> findings.Findings:
  """Shows the weights at one moment and their mean, and the entropies."""
  attention = given.attention
  found = compute.distribution(attention)
  summary = found.summary()
  cells = summary['cells']
  row = given.rows(3)[-1]
  frame = given.recorded.rows('frame', [row])[0]
  return findings.Findings(
    how_to_read=(
      'Grey levels are the weights of the cells. The bars are their sums over '
      'rows and columns of cells. The effective number of cells, '
      f'exp(entropy), says how many cells a head spreads over: 1 to {cells}. '
      'If it is far larger for the mean map, the head looks at different '
      'cells at different times.'
    ),
    figures={
      'moment': figure.draw(frame, attention[row]),
      'mean': figure.draw(frame, found.mean_map),
    },
    captions={
      'moment': f'Attention weights at step {row}.',
      'mean': 'Mean attention weights over all steps. The frame is again that '
      f'of step {row}.',
    },
    tables=[_table(summary)],
    numbers=summary,
    arrays={'entropy': found.entropy, 'mean_map': found.mean_map},
    timelines=[
      report_data.Timeline(
        'Entropy of attention (nats)',
        found.entropy,
        labels=figures.head_names(attention.shape[1]),
      )
    ],
  )


def _table(summary: dict[str, Any]) -> report_data.Table:
  columns = {
    'entropy (nats)': 'entropy_mean',
    'effective cells': 'effective_cells_mean',
    'largest weight': 'largest_mean',
    'effective cells of the mean map': 'cells_of_mean',
  }
  by_head = zip(*(summary[name] for name in columns.values()), strict=True)
  return report_data.Table(
    'Means over all steps. The largest possible entropy is '
    f'{math.log(summary["cells"]):.2f} nats.',
    ('head', *columns),
    [(head, *map(float, numbers)) for head, numbers in enumerate(by_head, 1)],
  )
