"""The figure of Grad-CAM is legible."""

import pytest

from attn_agents.interpretability.grad_cam import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'grad_cam': lambda: figure.draw(
    legibility.FRAMES,
    {'DRARL': legibility.weights(3), 'IMPALA ResNet': legibility.weights(3)},
    ['0 %', '50 %', '100 %'],
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())
