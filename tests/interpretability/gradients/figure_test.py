"""The histogram of gradients shows the shares it was given."""

import numpy as np
import pytest

from attn_agents.interpretability.gradients import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'histogram': lambda: figure.draw(
    [0, 1e-4, 1e-3, 1e-2, 2e-2, np.inf],
    {'ResNet': np.full(5, 0.2), 'DRARL': np.array([0.1, 0.2, 0.3, 0.3, 0.1])},
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_histogram_is_in_percent():
  (panel,) = _MADE['histogram']().axes
  heights = [bar.get_height() for bar in panel.patches]
  np.testing.assert_allclose(heights, [20] * 5 + [10, 20, 30, 30, 10])
  names = [label.get_text() for label in panel.get_xticklabels()]
  assert names[0] == '0 to 0.0001' and names[-1] == '> 0.02'
