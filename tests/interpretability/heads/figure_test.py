"""The figure of heads shows the frames and the maps it was given."""

import numpy as np
import pytest

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.heads import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'heads': lambda: figure.draw(
    legibility.FRAMES, legibility.weights(3, 4), [0, 1, 2]
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_heads_are_drawn_below_the_frame():
  attention = legibility.weights(3, 2)
  made = figure.draw(legibility.FRAMES, attention, [0, 1.5, 2])
  axes = np.array(made.axes).reshape(3, 3)
  for moment in range(3):
    np.testing.assert_array_equal(
      legibility.image(axes[0, moment]), legibility.FRAMES[moment]
    )
    for head in range(2):
      drawn = overlays.spotlight(
        legibility.FRAMES[moment],
        attention[moment, head][None],
        [overlays.HEAD_COLOURS[head]],
      )
      np.testing.assert_array_equal(
        legibility.image(axes[1 + head, moment]), drawn
      )
  assert [x.get_title() for x in axes[0]] == ['0.0 s', '1.5 s', '2.0 s']
  assert [x.get_ylabel() for x in axes[:, 0]] == ['game', 'head 1', 'head 2']
