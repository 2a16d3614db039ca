"""The figure of hard attention shows the ratios it was given."""

import io

import numpy as np
import pytest
from PIL import Image

from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.hard_attention import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'hard_attention': lambda: figure.draw(
    np.arange(11) / 10,
    {'Pong': (np.random.default_rng(0).random(11), np.full(11, 0.1))},
    (1, 0.1),
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_hard_attention_is_drawn_with_its_errors():
  thresholds, ratio = np.array([0, 0.1, 0.5]), np.array([1, 0.9, np.nan])
  error = np.array([0.0, 0.2, np.nan])
  made = figure.draw(thresholds, {'Pong': (ratio, error)}, (0.8, 0.05))
  ours, published = made.axes[0].containers
  line, _, (bars,) = ours
  np.testing.assert_array_equal(line.get_ydata(), ratio)
  np.testing.assert_allclose(bars.get_segments()[1], [[0.1, 0.7], [0.1, 1.1]])
  assert published[0].get_xydata().tolist() == [[0.1, 0.8]]


def test_a_png_has_the_size_of_its_figure():
  image = Image.open(io.BytesIO(figures.png(_MADE['hard_attention']())))
  assert image.size == (5 * 150, 3 * 150)
