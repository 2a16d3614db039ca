"""The figure of hard attention shows the ratios it was given."""

import io

import matplotlib
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
  _, _, (bars,) = published
  np.testing.assert_allclose(bars.get_segments(), [[[0.1, 0.75], [0.1, 0.85]]])
  # Errors end in caps, as wide as the marks or less.
  for _, caps, _ in (ours, published):
    assert caps and all(0 < cap.get_markersize() <= 6 for cap in caps)
  star = published[0]
  assert star.get_color() == 'black' and star.get_linestyle() == 'None'
  assert star.get_markersize() > line.get_markersize()
  panel = made.axes[0]
  assert [text.get_text() for text in panel.get_legend().get_texts()] == [
    'Pong', 'published, Table 5',
  ]  # fmt: skip
  assert panel.get_xlabel() == (
    "threshold t (share of each head's largest weight)"
  )
  assert panel.get_ylabel() == 'mean score / mean score at t = 0'
  # A thin dotted line is where nothing is lost.
  (one,) = (x for x in panel.lines if x.get_linestyle() == ':')
  assert list(one.get_ydata()) == [1, 1]
  assert 0 < one.get_linewidth() < line.get_linewidth()
  assert len(set(matplotlib.colors.to_rgb(one.get_color()))) == 1


def test_games_differ_in_colour_and_mark_and_may_have_nothing_published():
  names = [f'game {number}' for number in range(6)]
  ratios = {name: (np.ones(2), np.zeros(2)) for name in names}
  made = figure.draw(np.array([0, 0.1]), ratios)
  lines = [container[0] for container in made.axes[0].containers]
  assert [line.get_color() for line in lines] == [
    figures.curve_colour(name, number) for number, name in enumerate(names)
  ]
  marks = [line.get_marker() for line in lines]
  assert len(set(marks)) == 5 and marks[5] == marks[0]


def test_a_png_has_the_size_of_its_figure():
  image = Image.open(io.BytesIO(figures.png(_MADE['hard_attention']())))
  assert image.size == (5 * 150, 3 * 150)
