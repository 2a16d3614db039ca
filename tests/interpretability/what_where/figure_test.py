"""The what/where figure shows the maps it was given."""

import numpy as np
import pytest

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.what_where import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'what_where': lambda: figure.draw(
    legibility.FRAMES, legibility.weights(3, 4) - 0.03, [0, 1, 2]
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_what_where_has_one_scale_a_head():
  maps = np.zeros((3, 2, 6, 5))
  maps[0, 0], maps[1, 0], maps[:, 1] = 0.5, -0.25, 0.01
  made = figure.draw(legibility.FRAMES, maps)
  axes = np.array(made.axes).reshape(3, 3)
  assert axes[1, 0].get_ylabel() == 'head 1\n±0.5'
  red, half_blue = (
    legibility.image(axes[1, 0])[0, 0],
    legibility.image(axes[1, 1])[0, 0],
  )
  assert red.tolist() == list(overlays.WHAT_COLOUR)
  middle = (255 + np.array(overlays.WHERE_COLOUR)) / 2
  np.testing.assert_allclose(half_blue, middle, atol=0.51)
  assert legibility.image(axes[1, 2])[0, 0].tolist() == [255] * 3
  assert legibility.image(axes[2, 2])[0, 0].tolist() == list(
    overlays.WHAT_COLOUR
  )
  assert axes[2, 0].get_ylabel() == 'head 2\n±0.01'
  assert made.get_supxlabel() == (
    'red: what (content) · blue: where (place) · white: neither, or both alike'
  )
