"""Grad-CAM over stages of training (DRARL Figs. 6 and 7)."""

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.grad_cam import (
  compute,
  figure,
  training_stages,
)
from attn_agents.interpretability.recordings import moments
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.saliency import options
from attn_agents.runs import saved_runs


def run(given: context.Context) -> findings.Findings:
  """One moment at several stages, and many moments of this checkpoint."""
  try:
    maker = compute.GradCam(given.played)
  except ValueError as error:
    raise context.DoesNotApplyError(str(error)) from error
  rows = given.rows(given.options_of(options.Options).maps)
  maps = np.stack(
    [
      maker.at(given.played.params, moment).cells
      for moment in moments.restore(given.played, given.recorded, rows)
    ]
  )
  row = rows[int(maps.max(axis=(1, 2)).argmax())]
  stages = _stages(given)
  names, over_training = [], []
  for stage, agent in training_stages.agents(
    given.played, given.trained, given.checkpoints, stages
  ):
    (moment,) = moments.restore(agent, given.recorded, [row])
    over_training.append(maker.at(agent.params, moment).cells)
    names.append(f'{stage.fraction:.0%}')
  frame = given.recorded.rows('frame', [row])[0]
  return findings.Findings(
    how_to_read=(
      'Grad-CAM is bright where the last feature maps support the action that '
      'was taken (Eqs. 13 and 14). Each column is one stage of training, as a '
      'share of the training until this checkpoint. The stages are the saved '
      'checkpoints nearest to 0, 36, 72 and 100 %.'
    ),
    figures={
      'grad_cam': figure.draw(
        np.stack([frame] * len(names)),
        {given.agent: np.stack(over_training)},
        names,
      )
    },
    captions={'grad_cam': f'Grad-CAM at step {row}, at stages of training.'},
    numbers={
      'row': row,
      'stages': [
        {'wanted': s.wanted, 'step': s.step, 'fraction': s.fraction}
        for s in stages
      ],
    },
    arrays={
      'rows': np.array(rows),
      'maps': maps,
      'stages': np.stack(over_training),
    },
    layers=[_layer(maps, rows)],
  )


def _layer(maps: np.ndarray, rows: list[int]) -> report_data.Layer:
  return report_data.Layer(
    'Grad-CAM',
    'Supports the action that was taken.',
    'heat',
    maps,
    np.array(rows),
    overlays.HEAD_COLOURS[5],
  )


def _stages(given: context.Context) -> list[training_stages.Stage]:
  """The checkpoints of the run that stand for stages of training."""
  stages = training_stages.choose(
    saved_runs.steps(given.checkpoints), int(given.played.facts['checkpoint'])
  )
  # One checkpoint may be the nearest to several shares.
  return list({stage.step: stage for stage in stages}.values())
