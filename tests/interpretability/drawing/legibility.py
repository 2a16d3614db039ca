"""Checks of figures: all text is legible, whole and apart."""

import matplotlib
import numpy as np
import pytest
from matplotlib import text as text_lib

_RNG = np.random.default_rng(0)
FRAMES = _RNG.integers(0, 256, (3, 42, 32, 3), dtype=np.uint8)


def weights(*shape):
  """Maps of 6 x 5 weights that sum to 1."""
  return _RNG.dirichlet(np.ones(30), shape).reshape(*shape, 6, 5)


def curves(*names):
  """Eleven random numbers under each name."""
  return {name: _RNG.random(11) for name in names}


def image(axes):
  """The picture that is shown in axes."""
  return np.asarray(axes.images[0].get_array())


def boxes(figure):
  """Left, top, right and bottom of all axes, inches from the upper left."""
  figure.draw_without_rendering()
  found = []
  for axes in figure.axes:
    box = axes.get_window_extent()
    top, bottom = figure.bbox.y1 - box.y1, figure.bbox.y1 - box.y0
    found.append((box.x0, top, box.x1, bottom))
  return np.array(found) / figure.dpi


def check(figure):
  """Fails unless all text is large enough, inside the figure and apart."""
  boxes, edges = [], figure.bbox
  for text in _texts(figure):
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
        apart = shared is None or min(shared.width, shared.height) < 3
        assert apart, (text, other)


def _texts(figure):
  """What is drawn: ticks beyond the ends of an axis exist, but are not."""
  drawn, draw = [], text_lib.Text.draw

  def noted(text, renderer):
    drawn.append(text)
    draw(text, renderer)

  figure.draw_without_rendering()
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(text_lib.Text, 'draw', noted)
    figure.draw_without_rendering()
  return [text for text in drawn if text.get_text().strip()]
