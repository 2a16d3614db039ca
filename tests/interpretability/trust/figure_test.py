"""The figure of trust shows the curves it was given."""

import matplotlib
import numpy as np
import pytest

from attn_agents.interpretability.trust import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'trust': lambda: figure.draw(
    np.arange(11) / 10,
    legibility.curves('attention', 'random'),
    legibility.curves('attention', 'random'),
    legibility.curves('head 1', 'head 2', 'other rows'),
    ['random', 'other rows'],
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_agreement_leaves_out_rows_without_any():
  agreement = {'head 1': np.array([0.1, np.nan, 0.3, 0.2])}
  curve = {'head 1': np.array([1, 0])}
  made = figure.draw([0, 1], curve, curve, agreement)
  panel = made.axes[2]
  assert any(
    np.allclose(line.get_ydata(), 0.2) and len(line.get_ydata()) == 2
    for line in panel.lines
  )


def test_baselines_are_grey_and_dashed():
  trusted = _MADE['trust']().axes[0]
  assert [line.get_linestyle() for line in trusted.lines] == ['-', '--']
  grey = matplotlib.colors.to_rgb(trusted.lines[1].get_color())
  assert len(set(grey)) == 1
