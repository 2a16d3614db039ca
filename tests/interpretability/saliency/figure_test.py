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
