"""On how many pixels the action depends (DRARL Fig. 8)."""

import dataclasses

import numpy as np

from attn_agents.interpretability import context, findings, options
from attn_agents.interpretability.gradients import compute, figure


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """How much is looked at.

  Attributes:
    rows: consecutive rows whose gradients are counted [DRARL: 100].
  """

  rows: int = 100


def run(given: context.Context) -> findings.Findings:
  """A histogram for the agent and for the other agent, if there is one."""
  start = given.rows(1)[0]
  ours, theirs = given.labels
  agents = {ours: (given.played, given.recorded)}
  if given.other is not None:
    agents = {theirs: given.shown_to_other, **agents}
  found = {
    name: compute.histogram(
      agent, recorded, first_row=start, num_rows=given.options_of(Options).rows
    )
    for name, (agent, recorded) in agents.items()
  }
  edges = found[ours].edges
  return findings.Findings(
    how_to_read=(
      'The histogram counts absolute gradients by size. Each is the gradient '
      "of the taken action's probability with respect to one pixel, where 0 "
      'is black and 1 is white. Bars are shares of all gradients. If more '
      'gradients are large and fewer are of medium size, the action depends '
      'on fewer pixels.'
    ),
    figures={
      'gradients': figure.draw(
        edges.tolist(),
        {name: each.percent / 100 for name, each in found.items()},
      )
    },
    captions={
      'gradients': 'Pixel gradients by size, over '
      f'{len(found[ours].rows)} steps from step {start}.'
    },
    numbers={
      name: {
        'rows': len(each.rows),
        'output': each.output,
        'edges': [float(x) for x in each.edges[:-1]],
        'percent': each.percent.tolist(),
      }
      for name, each in found.items()
    },
    arrays={
      'edges': edges,
      'counts': np.stack([each.counts for each in found.values()]),
    },
  )
