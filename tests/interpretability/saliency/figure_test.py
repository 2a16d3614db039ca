"""The figure of saliency shows the maps it was given."""

import numpy as np
import pytest

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.saliency import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'two agents': lambda: figure.draw(
    legibility.FRAMES[0],
    {
      'feedforward': (legibility.weights(), legibility.weights()),
      'S3TA': (legibility.weights(), legibility.weights()),
    },
    {'S3TA': legibility.weights()},
  ),
  'one agent': lambda: figure.draw(
    legibility.FRAMES[0], {'S3TA': (legibility.weights(), legibility.weights())}
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_saliency_is_green_for_the_policy_and_outlines_the_head():
  values = legibility.weights()
  made = figure.draw(
    legibility.FRAMES[0],
    {'a': (values, values), 'b': (values, values)},
    {'b': values},
  )
  for panel, (title, colour) in zip(
    made.axes,
    [
      ('(a) policy\na', overlays.POLICY_COLOUR),
      ('(b) value\na', overlays.VALUE_COLOUR),
      ('(c) policy\nb', overlays.POLICY_COLOUR),
      ('(d) value\nb', overlays.VALUE_COLOUR),
    ],
    strict=True,
  ):
    assert panel.get_title() == title
    drawn = overlays.saliency(legibility.FRAMES[0], values, colour)
    np.testing.assert_array_equal(legibility.image(panel), drawn)
    assert bool(panel.collections) == title.endswith('b')
    assert panel.get_xlabel() == f'largest: {values.max():.2g}'
    for outline in panel.collections:
      # Half of the largest weight, as it is drawn.
      largest = overlays.enlarge(values, (42, 32)).max()
      assert list(outline.levels) == [pytest.approx(largest / 2)]
      assert (outline.get_edgecolor() == 1).all()
      assert (outline.get_linewidths() > 1).all()
      assert (outline.get_linewidths() < 2).all()


@pytest.mark.parametrize(('name', 'width'), [('one', 4.5), ('two', 6.75)])
def test_pictures_of_one_agent_are_a_third_of_the_page_and_fill_it(name, width):
  made = _MADE[f'{name} agent{"s" * (name == "two")}']()
  assert made.get_size_inches()[0] == width
  left, top, right, bottom = legibility.boxes(made).T
  np.testing.assert_allclose((bottom - top) / (right - left), 42 / 32, 0.01)
  assert (left[1:] - right[:-1] < 0.1).all()
  # Above are two lines of title, below is a number.
  assert 0.3 < top[0] < 0.5
  assert 0.2 < made.get_size_inches()[1] - bottom[0] < 0.5
