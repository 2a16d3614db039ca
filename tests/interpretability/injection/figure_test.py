"""The frames of the injection are legible."""

import pytest

from attn_agents.interpretability.injection import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'frames': lambda: figure.frames(
    legibility.FRAMES, legibility.FRAMES, legibility.weights(3, 4), [0, 1, 2]
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())
