"""The figure of Grad-CAM is legible, and shows the maps it was given."""

import matplotlib
import numpy as np
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


def test_maps_are_inferno_over_the_grey_frame():
  frame = np.full((2, 4, 3), 100, np.uint8)
  frame[:, 2:] = (255, 0, 0)
  # Cells of 2 x 2 pixels; those between two centres are interpolated.
  values = np.array([[0.0, 5.0]])
  made = figure.draw(frame[None], {'a': values[None]}, ['now'])
  drawn = legibility.image(made.axes[0])
  inferno = matplotlib.colormaps['inferno']
  for column, level in enumerate((0.0, 0.25, 0.75, 1.0)):
    grey = 100 if column < 2 else 76
    share = 0.25 + 0.6 * level
    expected = (1 - share) * grey + share * 255 * np.array(inferno(level)[:3])
    np.testing.assert_allclose(drawn[:, column], [expected] * 2, atol=0.51)


def test_a_map_of_zeros_leaves_the_frame_and_negative_values_nothing():
  frame = np.full((2, 2, 3), 200, np.uint8)
  for values in ([[0.0, 0.0]], [[-3.0, 0.0]]):
    made = figure.draw(frame[None], {'a': np.array([values])}, ['now'])
    # A quarter of the colour of zero, which is black.
    drawn = legibility.image(made.axes[0])
    assert (np.abs(drawn.astype(int) - 150) <= 2).all()


def test_agents_are_rows_and_stages_are_columns_with_one_scale():
  made = _MADE['grad_cam']()
  *panels, scale = made.axes
  above, below = np.array(panels).reshape(2, 3)
  assert [panel.get_title() for panel in above] == ['0 %', '50 %', '100 %']
  assert [panel.get_ylabel() for panel in (above[0], below[0])] == [
    'DRARL', 'IMPALA ResNet',
  ]  # fmt: skip
  assert not any(panel.get_title() for panel in below)
  assert not any(panel.get_ylabel() for panel in above[1:])
  assert scale.get_ylim() == (0, 1)
  assert list(scale.get_yticks()) == [0, 1]
  assert scale.get_ylabel() == "importance / each map's maximum"
  meshes = [x for x in scale.collections if x.get_array() is not None]
  assert [mesh.get_cmap().name for mesh in meshes] == ['inferno']


def test_pictures_fill_the_figure_and_few_are_no_larger():
  sizes = []
  for count in (1, 3):
    maps = legibility.weights(count)
    made = figure.draw(
      legibility.FRAMES[:count], {'a': maps, 'b': maps}, ['x'] * count
    )
    *pictures, scale = legibility.boxes(made)
    left, top, right, bottom = np.array(pictures).reshape(2, count, 4).T
    sizes.append((right - left)[0, 0])
    np.testing.assert_allclose((bottom - top) / (right - left), 42 / 32, 0.01)
    assert (left[1:] - right[:-1] < 0.35).all()
    assert (top[:, 1:] - bottom[:, :-1] < 0.1).all()
    # The scale is close to the pictures, and about as high as one of them.
    assert 0 < scale[0] - right[-1, 0] < 0.13
    assert 1 < (scale[3] - scale[1]) / (bottom - top)[0, 0] < 1.5
    width, height = made.get_size_inches()
    assert width == pytest.approx(6.75 * (count + 1) / 4)
    assert height - bottom[0, -1] < 0.1 and top[0, 0] < 0.3
  assert sizes[0] == pytest.approx(sizes[1], rel=0.02)
