"""How attention is spread over the screen (S3TA A.7, Fig. 10)."""

import math

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.weights import compute, figure


def run(given: context.Context) -> findings.Findings:
  """Weights with their sums at one moment and on average, and entropies."""
  attention = given.attention
  found = compute.distribution(attention)
  summary = found.summary()
  cells = summary['cells']
  row = given.rows(3)[-1]
  frame = given.recorded.rows('frame', [row])[0]
  return findings.Findings(
    how_to_read=(
      'Bars are the sums of weights over rows and columns of cells. '
      f'exp(entropy) counts the cells that a head spreads over, from 1 to '
      f'{cells}. That of the mean map is far larger only for a head that looks '
      'at different cells at different times.'
    ),
    figures={
      'moment': figure.draw(frame, attention[row]),
      'mean': figure.draw(frame, found.mean_map),
    },
    captions={
      'moment': f'Weights at row {row}.',
      'mean': 'The mean of all rows; the frame is that of the other figure.',
    },
    tables=[
      report_data.Table(
        f'Means over all rows; entropy is at most {math.log(cells):.2f} nats.',
        (
          'head', 'entropy (nats)', 'effective cells', 'largest weight',
          'effective cells of the mean map',
        ),
        [
          (
            head + 1,
            *(
              float(summary[name][head])
              for name in (
                'entropy_mean', 'effective_cells_mean', 'largest_mean',
                'cells_of_mean',
              )
            ),
          )
          for head in range(attention.shape[1])
        ],
      )
    ],
    numbers=summary,
    arrays={'entropy': found.entropy, 'mean_map': found.mean_map},
    timelines=[
      report_data.Timeline(
        'Entropy of attention (nats)',
        found.entropy,
        labels=figures.head_names(attention.shape[1]),
      )
    ],
  )  # fmt: skip
