"""Sanity checks of the maps: three tests, each with its baseline."""

import dataclasses

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability import context, findings, options
from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.recordings import moments, trained_agent
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.saliency import compute as saliency
from attn_agents.interpretability.trust import (
  agreement,
  deletion,
  figure,
  randomised_weights,
)


@dataclasses.dataclass(frozen=True)
class Options(options.Options):
  """How much is looked at.

  Attributes:
    rows: moments at which maps are put to the test.
  """

  rows: int = 12


def run(given: context.Context) -> findings.Findings:
  """Tests deletion and insertion, agreement with saliency, random weights."""
  rows = given.rows(given.options_of(Options).rows)
  attention = given.attention[rows]
  cells = (attention.shape[2], attention.shape[3])
  given.say('trust: saliency')
  maps = list(saliency.saliency_maps(given.played, given.recorded, rows))
  agreed = agreement.with_saliency(given.on_even_cells(attention), maps)
  given.say('trust: deletion and insertion')
  curves = _curves(given, rows, attention, maps, cells)
  given.say('trust: random weights')
  sanity = randomised_weights.check(
    given.played, given.recorded, rows, _pictures
  )
  names = [*figures.head_names(attention.shape[1]), 'all heads']
  areas = _areas(curves)
  return findings.Findings(
    how_to_read=(
      'Deletion (left): cells are blurred in the order of a map, the largest '
      'first. Insertion (middle): cells are restored in that order in a fully '
      'blurred frame. The curves show the distance to the original policy. A '
      'map that finds what matters changes the policy sooner, and restores it '
      'sooner, than a random order.\n\n'
      'Agreement (right): the rank correlation of attention with perturbation '
      'saliency at the same step. Its baseline is the attention at other '
      'steps.\n\n'
      'Random weights (last table): the weights are drawn anew from the top '
      'layers down, and the maps are compared with those of the trained '
      'network. A map that stays alike shows the architecture, not what was '
      'learned.'
    ),
    figures={
      'trust': _draw(curves, dict(zip(names, agreed['policy'], strict=True)))
    },
    captions={
      'trust': 'Deletion, insertion and agreement with saliency, over '
      f'{len(rows)} steps.'
    },
    tables=[areas, _sanity(sanity)],
    numbers={
      'rows': rows,
      'agreement': {
        output: {
          name: {'same': _mean(each.same), 'others': _mean(each.others)}
          for name, each in zip(names, found, strict=True)
        }
        for output, found in agreed.items()
      },
      'areas': {
        str(name): dict(zip(areas.columns[1:], values, strict=True))
        for name, *values in areas.rows
      },
    },
    arrays={
      'rows': np.array(rows),
      'ordered': np.stack([each.ordered for each in curves]),
      'random': np.stack([each.random for each in curves]),
      'similarity': sanity.similarity,
      'similarity_baseline': sanity.baseline,
    },
  )


def _draw(
  curves: list[deletion.Curves], agreed: dict[str, agreement.Agreement]
) -> figure_lib.Figure:
  """What deletion and insertion do to the policy, and agreement by map."""
  policy = deletion.OUTPUTS.index('policy')
  mean = np.mean([each.ordered for each in curves], axis=0)
  chance = np.mean([each.random for each in curves], axis=(0, 3))

  def panel(which: str) -> dict[str, np.ndarray]:
    play = deletion.PLAYS.index(which)
    by_map = dict(zip(curves[0].names, mean[play, policy], strict=True))
    return {**by_map, 'random': chance[play, policy]}

  return figure.draw(
    curves[0].fractions,
    panel('deletion'),
    panel('insertion'),
    {
      **{name: each.same for name, each in agreed.items()},
      'other steps': np.concatenate([each.others for each in agreed.values()]),
    },
    ('random', 'other steps'),
  )


def _curves(
  given: context.Context,
  rows: list[int],
  attention: np.ndarray,
  maps: list[saliency.SaliencyMap],
  cells: tuple[int, int],
) -> list[deletion.Curves]:
  tester = deletion.Deletion(given.played, cells, num_maps=2)
  shown = moments.restore(given.played, given.recorded, rows)
  return [
    tester.at(
      given.played.params,
      moment,
      {
        'attention': given.on_even_cells(weights).sum(axis=0),
        'saliency': found.on_cells(cells)[0],
      },
    )
    for moment, weights, found in zip(shown, attention, maps, strict=True)
  ]


def _pictures(
  played: trained_agent.TrainedAgent, moment: moments.Moment
) -> dict[str, np.ndarray]:
  """Attention of each head, and of all."""
  del played  # The moment has what it sows.
  attention = np.asarray(moment.seen.intermediates['attention'][0])
  heads = {f'head {i + 1}': weights for i, weights in enumerate(attention)}
  return {**heads, 'all heads': attention.sum(axis=0)}


def _areas(curves: list[deletion.Curves]) -> report_data.Table:
  areas = np.mean([each.areas for each in curves], axis=0)
  chance = np.mean([each.random_areas for each in curves], axis=(0, 3))
  columns = [
    f'{play}, {output}'
    for play in deletion.PLAYS
    for output in deletion.OUTPUTS
  ]
  rows: list[tuple[str | float, ...]] = [
    (name, *map(float, areas[:, :, index].ravel()))
    for index, name in enumerate(curves[0].names)
  ]
  return report_data.Table(
    'Areas under the deletion and insertion curves. In deletion large is good, '
    'in insertion small.',
    ('order of cells', *columns),
    [*rows, ('random', *map(float, chance.ravel()))],
  )


def _sanity(found: randomised_weights.Sanity) -> report_data.Table:
  return report_data.Table(
    "Rank correlation with the trained network's maps. Columns: down to which "
    'layer the weights are random. Baseline: the trained network at other '
    'steps. A dash: maps of one value everywhere, which have no ranks, or no '
    'other step.',
    ('map', *found.stages, 'baseline'),
    [
      (
        name,
        *(
          _mean(found.similarity[stage, index])
          for stage in range(len(found.stages))
        ),
        _mean(found.baseline[index]),
      )
      for index, name in enumerate(found.names)
    ],
  )


def _mean(values: np.ndarray) -> float | str:
  known = np.asarray(values)[~np.isnan(values)]
  return float(known.mean()) if len(known) else '-'
