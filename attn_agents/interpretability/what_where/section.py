"""Whether heads ask what is there or where it is (S3TA A.5, Fig. 6)."""

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
      f'the heads of {given.agent} attend without queries, whose parts these '
      'maps compare'
    )
  found = compute.of_recording(given.recorded)
  rows = given.rows(_MOMENTS)
  summary = found.summary()
  heads = len(summary['balance_mean'])
  everywhere = np.arange(len(given.recorded))
  return findings.Findings(
    how_to_read=(
      'Red cells are attended to for what is there, blue ones for where they '
      'are, white ones for neither or both. The balance is 1 for a head that '
      'goes by content alone and -1 for one that goes by place alone.'
    ),
    figures={
      'what_where': figure.draw(
        given.recorded.rows('frame', rows),
        given.to_draw(found.contribution[rows]),
        given.seconds(rows),
      )
    },
    captions={'what_where': 'What (red) and where (blue), Eqs. 8 to 11.'},
    tables=[
      report_data.Table(
        'By what each head goes, over all rows.',
        ('head', 'balance', 'deviation', 'rows by what', 'rows by where'),
        [
          (
            head + 1,
            f'{summary["balance_mean"][head]:+.2f}',
            f'{summary["balance_deviation"][head]:.2f}',
            f'{summary["what_rows"][head]:.0%}',
            f'{summary["where_rows"][head]:.0%}',
          )
          for head in range(heads)
        ],
      )
    ],
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
