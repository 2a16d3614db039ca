"""Figures show the numbers they were given, and all their text is legible."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib import text as text_lib
from PIL import Image

from attn_agents.interpretability.drawing import (
  figures,
  head_figures,
  measure_figures,
  overlays,
  saliency_figures,
)

_RNG = np.random.default_rng(0)
_FRAMES = _RNG.integers(0, 256, (3, 42, 32, 3), dtype=np.uint8)


def _weights(*shape):
  return _RNG.dirichlet(np.ones(30), shape).reshape(*shape, 6, 5)


def _curves(*names):
  return {name: _RNG.random(11) for name in names}


_MADE = {
  'heads': lambda: head_figures.heads(_FRAMES, _weights(3, 4), [0, 1, 2]),
  'what_where': lambda: head_figures.what_where(
    _FRAMES, _weights(3, 4) - 0.03, [0, 1, 2]
  ),
  'weights': lambda: head_figures.weights(_FRAMES[0], _weights(4)),
  'weights of one head': lambda: head_figures.weights(_FRAMES[0], _weights(1)),
  'weights of eight': lambda: head_figures.weights(_FRAMES[0], _weights(8)),
  'saliency': lambda: saliency_figures.saliency(
    _FRAMES[0],
    {'feedforward': (_weights(), _weights()), 'S3TA': (_weights(), _weights())},
    {'S3TA': _weights()},
  ),
  'saliency of one': lambda: saliency_figures.saliency(
    _FRAMES[0], {'S3TA': (_weights(), _weights())}
  ),
  'grad_cam': lambda: saliency_figures.grad_cam(
    _FRAMES, {'DRARL': _weights(3), 'IMPALA ResNet': _weights(3)},
    ['0 %', '50 %', '100 %'],
  ),
  'histogram': lambda: saliency_figures.gradient_histogram(
    [0, 1e-4, 1e-3, 1e-2, 2e-2, np.inf],
    {'ResNet': np.full(5, 0.2), 'DRARL': np.array([0.1, 0.2, 0.3, 0.3, 0.1])},
  ),
  'injection_frames': lambda: saliency_figures.injection_frames(
    _FRAMES, _FRAMES, _weights(3, 4), [0, 1, 2]
  ),
  'hard_attention': lambda: measure_figures.hard_attention(
    np.arange(11) / 10, {'Pong': (_RNG.random(11), np.full(11, 0.1))}, (1, 0.1)
  ),
  'divergence': lambda: measure_figures.divergence(
    np.arange(11.0),
    {
      'attention (total variation)': _curves('head 1', 'head 2'),
      'value (absolute difference)': _curves('value'),
    },
    (2, 5),
  ),
  'trust': lambda: measure_figures.trust(
    np.arange(11) / 10, _curves('attention', 'random'),
    _curves('attention', 'random'), _curves('head 1', 'head 2', 'other rows'),
    ['random', 'other rows'],
  ),
}  # fmt: skip


def _texts(figure, monkeypatch):
  """What is drawn: ticks beyond the ends of an axis exist, but are not."""
  drawn, draw = [], text_lib.Text.draw

  def noted(text, renderer):
    drawn.append(text)
    draw(text, renderer)

  figure.draw_without_rendering()
  with monkeypatch.context() as patched:
    patched.setattr(text_lib.Text, 'draw', noted)
    figure.draw_without_rendering()
  return [text for text in drawn if text.get_text().strip()]


@pytest.mark.parametrize('name', _MADE)
def test_text_is_large_enough_whole_and_apart(name, monkeypatch):
  figure = _MADE[name]()
  boxes, edges = [], figure.bbox
  for text in _texts(figure, monkeypatch):
    assert text.get_fontsize() >= 9, text
    box = text.get_window_extent()
    assert box.x0 >= edges.x0 - 1 and box.x1 <= edges.x1 + 1, text
    assert box.y0 >= edges.y0 - 1 and box.y1 <= edges.y1 + 1, text
    boxes.append((text.get_text(), text.get_rotation(), box))
  for index, (text, rotation, box) in enumerate(boxes):
    for other, other_rotation, other_box in boxes[:index]:
      # The boxes of slanted text say nothing.
      if {rotation, other_rotation} <= {0, 90}:
        shared = matplotlib.transforms.Bbox.intersection(box, other_box)
        assert shared is None or min(shared.width, shared.height) < 3, (
          text, other,
        )  # fmt: skip


def test_a_png_has_the_size_of_its_figure():
  image = Image.open(io.BytesIO(figures.png(_MADE['hard_attention']())))
  assert image.size == (5 * 150, 3 * 150)


def test_styles_of_others_are_left_alone():
  before = dict(matplotlib.rcParams)
  _MADE['divergence']()
  assert dict(matplotlib.rcParams) == before


def test_heads_are_drawn_below_the_frame():
  attention = _weights(3, 2)
  figure = head_figures.heads(_FRAMES, attention, [0, 1.5, 2])
  axes = np.array(figure.axes).reshape(3, 3)
  for moment in range(3):
    np.testing.assert_array_equal(_image(axes[0, moment]), _FRAMES[moment])
    for head in range(2):
      drawn = overlays.spotlight(
        _FRAMES[moment],
        attention[moment, head][None],
        [overlays.HEAD_COLOURS[head]],
      )
      np.testing.assert_array_equal(_image(axes[1 + head, moment]), drawn)
  assert [x.get_title() for x in axes[0]] == ['0.0 s', '1.5 s', '2.0 s']
  assert [x.get_ylabel() for x in axes[:, 0]] == ['game', 'head 1', 'head 2']


def test_what_where_has_one_scale_a_head():
  maps = np.zeros((3, 2, 6, 5))
  maps[0, 0], maps[1, 0], maps[:, 1] = 0.5, -0.25, 0.01
  figure = head_figures.what_where(_FRAMES, maps)
  axes = np.array(figure.axes).reshape(3, 3)
  assert axes[1, 0].get_ylabel() == 'head 1\n±0.5'
  red, half_blue = _image(axes[1, 0])[0, 0], _image(axes[1, 1])[0, 0]
  assert red.tolist() == list(overlays.WHAT_COLOUR)
  middle = (255 + np.array(overlays.WHERE_COLOUR)) / 2
  np.testing.assert_allclose(half_blue, middle, atol=0.51)
  assert _image(axes[1, 2])[0, 0].tolist() == [255] * 3
  assert _image(axes[2, 2])[0, 0].tolist() == list(overlays.WHAT_COLOUR)


def test_bars_are_the_sums_of_rows_and_columns():
  attention = _weights(2)
  figure = head_figures.weights(_FRAMES[0], attention)
  for head in range(2):
    above, centre, beside = figure.axes[1 + 3 * head : 4 + 3 * head]
    np.testing.assert_array_equal(_image(centre), attention[head])
    columns = [sum(attention[head][y][x] for y in range(6)) for x in range(5)]
    rows = [sum(attention[head][y][x] for x in range(5)) for y in range(6)]
    np.testing.assert_allclose(
      [bar.get_height() for bar in above.patches], columns
    )
    np.testing.assert_allclose(
      [bar.get_width() for bar in beside.patches], rows
    )
    assert above.get_ylim() == beside.get_xlim() == (0, 1)
    # Rows are counted from above, like those of the map.
    assert beside.get_ylim() == centre.get_ylim() == (5.5, -0.5)


def test_saliency_is_green_for_the_policy_and_outlines_the_head():
  values = _weights()
  figure = saliency_figures.saliency(
    _FRAMES[0], {'a': (values, values), 'b': (values, values)}, {'b': values}
  )
  for panel, (title, colour) in zip(
    figure.axes,
    [
      ('(a) policy\na', overlays.POLICY_COLOUR),
      ('(b) value\na', overlays.VALUE_COLOUR),
      ('(c) policy\nb', overlays.POLICY_COLOUR),
      ('(d) value\nb', overlays.VALUE_COLOUR),
    ],
    strict=True,
  ):
    assert panel.get_title() == title
    drawn = overlays.saliency(_FRAMES[0], values, colour)
    np.testing.assert_array_equal(_image(panel), drawn)
    assert bool(panel.collections) == title.endswith('b')


def test_histogram_is_in_percent():
  (panel,) = _MADE['histogram']().axes
  heights = [bar.get_height() for bar in panel.patches]
  np.testing.assert_allclose(heights, [20] * 5 + [10, 20, 30, 30, 10])
  names = [label.get_text() for label in panel.get_xticklabels()]
  assert names[0] == '0 to 0.0001' and names[-1] == '> 0.02'


def test_hard_attention_is_drawn_with_its_errors():
  thresholds, ratio = np.array([0, 0.1, 0.5]), np.array([1, 0.9, np.nan])
  error = np.array([0.0, 0.2, np.nan])
  figure = measure_figures.hard_attention(
    thresholds, {'Pong': (ratio, error)}, (0.8, 0.05)
  )
  ours, published = figure.axes[0].containers
  line, _, (bars,) = ours
  np.testing.assert_array_equal(line.get_ydata(), ratio)
  np.testing.assert_allclose(bars.get_segments()[1], [[0.1, 0.7], [0.1, 1.1]])
  assert published[0].get_xydata().tolist() == [[0.1, 0.8]]


def test_heads_have_their_colours_in_curves_and_baselines_are_grey():
  figure = measure_figures.divergence(
    np.arange(3), {'attention': {'head 2': np.array([0, 1, -2])}}
  )
  (panel,) = figure.axes
  assert panel.lines[0].get_color() == figures.head_colour(1)
  beside = {'head 1': np.ones(3), 'chance': np.zeros(3)}
  figure_beside = measure_figures.divergence(
    np.arange(3), {'attention': beside}, baselines=['chance']
  )
  chance = figure_beside.axes[0].lines[1].get_color()
  assert len(set(matplotlib.colors.to_rgb(chance))) == 1
  # What is below zero is seen.
  assert panel.get_ylim()[0] < -2
  trusted = _MADE['trust']().axes[0]
  assert [line.get_linestyle() for line in trusted.lines] == ['-', '--']
  grey = matplotlib.colors.to_rgb(trusted.lines[1].get_color())
  assert len(set(grey)) == 1


def test_agreement_leaves_out_rows_without_any():
  agreement = {'head 1': np.array([0.1, np.nan, 0.3, 0.2])}
  curve = {'head 1': np.array([1, 0])}
  figure = measure_figures.trust([0, 1], curve, curve, agreement)
  panel = figure.axes[2]
  assert any(
    np.allclose(line.get_ydata(), 0.2) and len(line.get_ydata()) == 2
    for line in panel.lines
  )


def _image(axes):
  return np.asarray(axes.images[0].get_array())
