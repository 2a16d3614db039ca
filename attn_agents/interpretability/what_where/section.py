"""Whether heads attend by content or by place (S3TA A.5, Fig. 6)."""

from typing import Any

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.what_where import compute, figure

_MOMENTS = 6


def run(given: context.Context) -> findings.Findings:
  """Maps of a few moments, one for every row in the player, and balances."""
  given.need_attention()
  if 'queries' not in given.recorded:
    raise context.DoesNotApplyError(
      f'the heads of {given.agent} have no queries, whose content and place '
      'parts these maps compare'
    )
  found = compute.of_recording(given.recorded)
  rows = given.rows(_MOMENTS)
  summary = found.summary()
  heads = len(summary['balance_mean'])
  everywhere = np.arange(len(given.recorded))
  return findings.Findings(
    how_to_read=(
      'A head attends to a red cell for its content ("what") and to a blue '
      'cell for its place ("where"). A white cell gets no attention, or both '
      'parts weigh the same. The balance is 1 for a head that uses only '
      'content, and -1 for a head that uses only place.'
    ),
    figures={
      'what_where': figure.draw(
        given.recorded.rows('frame', rows),
        given.to_draw(found.contribution[rows]),
        given.seconds(rows),
      )
    },
    captions={
      'what_where': 'What (red) and where (blue) at evenly spaced steps '
      '(Eqs. 8 to 11).'
    },
    tables=[_table(summary)],
    numbers=summary,
    arrays={'contribution': found.contribution, 'balance': found.balance},
    layers=[
      report_data.Layer(
        f'What/where, head {head + 1}',
        f'Head {head + 1}: red for content, blue for place.',
        'signed',
        given.to_draw(found.contribution[:, head]),
        everywhere,
      )
      for head in range(heads)
    ],
  )


def _table(summary: dict[str, Any]) -> report_data.Table:
  return report_data.Table(
    'Balance of each head over all steps. A step counts as "what" above '
    '1/3, as "where" below -1/3.',
    (
      'head',
      'mean balance',
      'standard deviation',
      'steps by what',
      'steps by where',
    ),
    [
      (
        head + 1,
        f'{summary["balance_mean"][head]:+.2f}',
        f'{summary["balance_deviation"][head]:.2f}',
        f'{summary["what_rows"][head]:.0%}',
        f'{summary["where_rows"][head]:.0%}',
      )
      for head in range(len(summary['balance_mean']))
    ],
  )
