"""Curves have the colours of their heads; styles of others stay."""

import matplotlib
import numpy as np
import pytest

from attn_agents.interpretability.drawing import curves, figures
from tests.interpretability.drawing import legibility

_MADE = {
  'divergence': lambda: curves.panels(
    np.arange(11.0),
    {
      'attention (total variation)': legibility.curves('head 1', 'head 2'),
      'value (absolute difference)': legibility.curves('value'),
    },
    (2, 5),
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_styles_of_others_are_left_alone():
  before = dict(matplotlib.rcParams)
  _MADE['divergence']()
  assert dict(matplotlib.rcParams) == before


def test_heads_have_their_colours_in_curves_and_baselines_are_grey():
  made = curves.panels(
    np.arange(3), {'attention': {'head 2': np.array([0, 1, -2])}}
  )
  (panel,) = made.axes
  assert panel.lines[0].get_color() == figures.head_colour(1)
  beside = {'head 1': np.ones(3), 'chance': np.zeros(3)}
  figure_beside = curves.panels(
    np.arange(3), {'attention': beside}, baselines=['chance']
  )
  chance = figure_beside.axes[0].lines[1].get_color()
  assert len(set(matplotlib.colors.to_rgb(chance))) == 1
  # What is below zero is seen.
  assert panel.get_ylim()[0] < -2
