"""The histogram of gradients shows the shares it was given."""

import matplotlib
import numpy as np
import pytest

from attn_agents.interpretability.drawing import figures
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
  assert names == [
    '0 to 0.0001', '0.0001 to 0.001', '0.001 to 0.01', '0.01 to 0.02', '> 0.02',
  ]  # fmt: skip
  assert list(panel.get_xticks()) == [0, 1, 2, 3, 4]
  assert panel.get_xlabel().startswith('|gradient| of the chosen action')
  assert panel.get_ylabel() == 'share of input pixels (%)'
  assert [text.get_text() for text in panel.get_legend().get_texts()] == [
    'ResNet', 'DRARL',
  ]  # fmt: skip
  ((left, top, right, bottom),) = legibility.boxes(panel.figure)
  assert 2 < (right - left) / (bottom - top) < 3


@pytest.mark.parametrize('count', [1, 2, 3, 5])
def test_bars_of_agents_share_the_place_of_their_interval(count):
  shares = {
    f'agent {n}': np.array([0.123, 0.25]) + n / 100 for n in range(count)
  }
  made = figure.draw([0, 1, np.inf], shares)
  (panel,) = made.axes
  by_agent = [list(container) for container in panel.containers]
  for place in range(2):
    bars = [bars[place] for bars in by_agent]
    lefts = [bar.get_x() for bar in bars]
    rights = [bar.get_x() + bar.get_width() for bar in bars]
    # Side by side, around the place, with a fifth of it left free.
    np.testing.assert_allclose(lefts[1:], rights[:-1], atol=1e-9)
    assert lefts[0] == pytest.approx(place - 0.4)
    assert rights[-1] == pytest.approx(place + 0.4)
  looks = [(bars[0].get_facecolor(), bars[0].get_hatch()) for bars in by_agent]
  for number, (colour, hatch) in enumerate(looks):
    assert colour[:3] == pytest.approx(
      matplotlib.colors.to_rgb(figures.curve_colour('agent', number))
    )
    # After four agents hatches begin again.
    assert [hatch == other for _, other in looks[:number]] == [
      number - before == 4 for before in range(number)
    ]
  assert by_agent[0][0].get_edgecolor() == (1, 1, 1, 1)
  # There is room for the numbers of two agents.
  texts = [text.get_text() for text in panel.texts]
  expected = ['12.3', '25.0', '13.3', '26.0'][: 2 * count]
  assert texts == (expected if count <= 2 else [])
  # Close above their bars: nearer than half a letter.
  for text in panel.texts:
    assert text.get_fontsize() == 9
    assert 0 < text.xyann[1] < 4.5
