"""Grad-CAM is shown at its brightest moment, at each stage once."""

import types

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.grad_cam import section, training_stages
from attn_agents.interpretability.saliency import options
from tests.interpretability import given


class _GradCam:
  """Maps say of whom and of which row they are; row 2 is the brightest."""

  def __init__(self, played):
    pass

  def at(self, params, moment):
    bright = {0: 1.0, 2: 7.0, 3: 5.0}[moment.row]
    cells = np.array([[bright, {'trained': 0, 'young': -1, 'old': -2}[params]]])
    return types.SimpleNamespace(cells=cells)


@pytest.fixture(name='found')
def _found(monkeypatch):
  """Of an agent at step 100 that has checkpoints of steps 40 and 70."""
  drawn = []
  monkeypatch.setattr(section.compute, 'GradCam', _GradCam)
  monkeypatch.setattr(section.figure, 'draw', lambda *x: drawn.append(x))
  monkeypatch.setattr(
    section.moments, 'restore',
    lambda agent, recorded, rows: [
      types.SimpleNamespace(row=row) for row in rows
    ],
  )  # fmt: skip
  asked = []

  def steps(directory):
    asked.append(str(directory))
    return [70]

  def agents(played, trained, directory, stages):
    asked.append((trained, str(directory)))
    for stage in stages:
      params = {0: 'young', 70: 'old', 100: 'trained'}[stage.step]
      yield stage, types.SimpleNamespace(params=params)

  monkeypatch.setattr(section.saved_runs, 'steps', steps)
  monkeypatch.setattr(training_stages, 'agents', agents)
  made = given.make(given.Recorded(5), chosen=[options.Options(maps=3)])
  return section.run(made), drawn, asked


def test_the_brightest_moment_is_shown_at_each_stage_once(found):
  found, ((frames, maps, names),), asked = found
  # The nearest to 36 and to 72 % is one checkpoint.
  assert names == ['0%', '70%', '100%']
  assert frames.shape == (3, 2, 2, 3) and (frames == 2).all()
  ((name, stages),) = maps.items()
  assert name == 'an_agent'
  assert stages.tolist() == [[[7, -1]], [[7, -2]], [[7, 0]]]
  assert found.captions['grad_cam'].startswith('Grad-CAM at step 2,')
  assert found.numbers['row'] == 2
  assert [stage['step'] for stage in found.numbers['stages']] == [0, 70, 100]
  assert [stage['wanted'] for stage in found.numbers['stages']] == [0, 0.72, 1]
  np.testing.assert_array_equal(found.arrays['stages'], stages)
  assert asked == ['checkpoints', ('config', 'checkpoints')]


def test_all_moments_are_in_the_player(found):
  found, *_ = found
  (layer,) = found.layers
  assert layer.rows.tolist() == found.arrays['rows'].tolist() == [0, 2, 3]
  assert layer.maps.tolist() == [[[1, 0]], [[7, 0]], [[5, 0]]]
  np.testing.assert_array_equal(found.arrays['maps'], layer.maps)
  assert (layer.name, layer.kind) == ('Grad-CAM', 'heat')
  # Vermilion of Okabe and Ito.
  assert bytes(layer.colour).hex() == 'd55e00'
  assert layer.colour not in (overlays.POLICY_COLOUR, overlays.VALUE_COLOUR)


def test_networks_without_residual_maps_are_told_so(monkeypatch):
  def refuse(played):
    raise ValueError('no maps')

  monkeypatch.setattr(section.compute, 'GradCam', refuse)
  with pytest.raises(context.DoesNotApplyError, match='no maps'):
    section.run(given.make(given.Recorded(3)))
