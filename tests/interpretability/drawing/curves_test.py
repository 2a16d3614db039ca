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


def test_panels_lie_one_below_the_other_over_one_time():
  made = curves.panels(
    np.arange(11.0), {f'measure {n} (unit)': {'a': np.ones(11)} for n in '1234'}
  )
  width, height = made.get_size_inches()
  # Four of them go on a page.
  assert width == figures.WIDTH and height < 9
  left, top, right, bottom = legibility.boxes(made).T
  assert len(set(left.round(3))) == len(set(right.round(3))) == 1
  assert (top[1:] - bottom[:-1] > 0).all()
  assert (bottom - top > 1.2).all()
  assert [panel.get_ylabel() for panel in made.axes] == [
    f'measure {n}\n(unit)' for n in '1234'
  ]
  assert [panel.get_xlabel() for panel in made.axes] == ['', '', '', 'time (s)']
  first, *others = made.axes
  first.set_xlim(2, 5)
  assert all(panel.get_xlim() == (2, 5) for panel in others)
  # One panel is as high as four.
  single = curves.panels(np.arange(11.0), {'m': {'a': np.ones(11)}}, over='lag')
  ((_, top, _, bottom),) = legibility.boxes(single)
  assert bottom - top == pytest.approx(1.4, abs=0.2)
  assert single.axes[0].get_xlabel() == 'lag'


def test_the_time_of_the_object_is_behind_every_panel_and_said_once():
  made = _MADE['divergence']()
  for panel in made.axes:
    (span,) = panel.patches
    box = span.get_extents().transformed(panel.transData.inverted())
    assert (box.x0, box.x1) == pytest.approx((2, 5))
    # Pale, so that curves are seen before it.
    level, *others, _ = span.get_facecolor()
    assert 0.85 < level < 1 and others == [level, level]
  attention, value = made.axes
  names = [text.get_text() for text in attention.get_legend().get_texts()]
  assert names == ['object on screen', 'head 1', 'head 2']
  assert value.get_legend() is None
  (only,) = curves.panels(
    np.arange(11), {'value': legibility.curves('value')}, (2, 5)
  ).axes
  assert only.get_legend() is not None


def test_legends_are_beside_the_panels_and_only_where_lines_are_many():
  made = curves.panels(
    np.arange(11),
    {'one': legibility.curves('a'), 'two': legibility.curves('a', 'b')},
  )
  one, two = made.axes
  assert one.get_legend() is None and not one.patches
  _, top, right, bottom = legibility.boxes(made)[1]
  legend = two.get_legend().get_window_extent()
  left = legend.x0 / made.dpi
  middle = made.get_size_inches()[1] - (legend.y0 + legend.y1) / 2 / made.dpi
  assert 0 < left - right < 0.2
  assert middle == pytest.approx((top + bottom) / 2, abs=0.02)


@pytest.mark.parametrize(
  ('least', 'bottom'), [(0.0, 'zero'), (0.5, 'zero'), (-0.25, 'below')]
)
def test_zero_is_the_bottom_or_a_thin_dotted_line(least, bottom):
  values = np.array([1.0, least, 2.0])
  (panel,) = curves.panels(
    np.arange(3), {'m': {'a': values, 'b': np.ones(3)}}
  ).axes
  _, _, *zero = panel.lines
  if bottom == 'zero':
    assert panel.get_ylim()[0] == 0 and not zero
    return
  (line,) = zero
  assert list(line.get_ydata()) == [0, 0]
  assert line.get_linestyle() == ':'
  assert 0 < line.get_linewidth() < panel.lines[0].get_linewidth()
  assert len(set(matplotlib.colors.to_rgb(line.get_color()))) == 1
