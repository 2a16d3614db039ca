"""The figure of weights shows the sums of the weights it was given."""

import numpy as np
import pytest

from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.weights import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'four heads': lambda: figure.draw(
    legibility.FRAMES[0], legibility.weights(4)
  ),
  'one head': lambda: figure.draw(legibility.FRAMES[0], legibility.weights(1)),
  'eight heads': lambda: figure.draw(
    legibility.FRAMES[0], legibility.weights(8)
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_bars_are_the_sums_of_rows_and_columns():
  attention = legibility.weights(2)
  made = figure.draw(legibility.FRAMES[0], attention)
  for head in range(2):
    above, centre, beside = made.axes[1 + 3 * head : 4 + 3 * head]
    np.testing.assert_array_equal(legibility.image(centre), attention[head])
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
    assert centre.get_title() == centre.get_ylabel() == ''
    assert above.get_title() == f'head {head + 1}'
    assert above.get_xlim() == (-0.5, 4.5)
    largest = max(max(row) for row in attention[head])
    assert centre.get_xlabel() == f'max {largest:.2f}'
    # Bars without gaps, in the colour of the head.
    assert {bar.get_width() for bar in above.patches} == {1}
    assert {bar.get_height() for bar in beside.patches} == {1}
    colours = {bar.get_facecolor() for bar in (*above.patches, *beside.patches)}
    assert colours == {(*figures.head_colour(head), 1)}
    for sums, weights in (
      (above.yaxis, above.xaxis), (beside.xaxis, beside.yaxis),
    ):  # fmt: skip
      assert list(sums.get_ticklocs()) == [0, 1]
      assert not len(weights.get_ticklocs())
    assert not len(centre.get_xticks()) and not len(centre.get_yticks())


def test_grey_goes_from_black_without_weight_to_white_at_the_largest():
  attention = np.zeros((1, 2, 2))
  attention[0, 1] = 0.25, 0.5
  made = figure.draw(legibility.FRAMES[0], attention)
  (picture,) = made.axes[2].images
  drawn = picture.to_rgba(picture.get_array())[..., :3]
  np.testing.assert_allclose(drawn[0], 0)
  np.testing.assert_allclose(drawn[1, 0], 0.5, atol=0.01)
  np.testing.assert_allclose(drawn[1, 1], 1)


@pytest.mark.parametrize('heads', [2, 6])
def test_sums_adjoin_their_map_and_heads_are_four_in_a_row(heads):
  made = figure.draw(legibility.FRAMES[0], legibility.weights(heads))
  width, height = made.get_size_inches()
  assert width == figures.WIDTH
  game, *others = legibility.boxes(made)
  by_head = np.array(others).reshape(heads, 3, 4)
  above, centre, beside = by_head.swapaxes(0, 1)
  # The map has the shape of the frame. Sums lie above it and to its right, as
  # long as it is, and as thick in both directions.
  size = centre[:, 2:] - centre[:, :2]
  np.testing.assert_allclose(size[:, 1] / size[:, 0], 42 / 32)
  np.testing.assert_allclose(above[:, [0, 2, 3]], centre[:, [0, 2, 1]])
  np.testing.assert_allclose(beside[:, [1, 3, 0]], centre[:, [1, 3, 2]])
  thick = above[:, 3] - above[:, 1]
  np.testing.assert_allclose(thick, beside[:, 2] - beside[:, 0])
  assert 0.25 < thick[0] < 0.5
  # The frame is as large as a map, beside the maps of the first row.
  np.testing.assert_allclose(game[[1, 3]], centre[0, [1, 3]])
  np.testing.assert_allclose(game[2:] - game[:2], size[0])
  assert 0 <= game[0] < 0.15
  row = np.arange(heads) // 4
  for head in range(1, heads):
    if row[head] == row[head - 1]:
      gap = above[head, 0] - beside[head - 1, 2]
      assert above[head, 1] == above[head - 1, 1]
    else:
      gap = above[head, 1] - centre[head - 1, 3]
      np.testing.assert_allclose(above[head, [0, 2]], above[0, [0, 2]])
    assert 0.25 < gap < 0.65
  # Between the frame and the first map is room for the ticks of a sum.
  assert 0.4 < above[0, 0] - game[2] < 0.9
  # The edges: titles above, the largest weight below.
  assert 0.2 < above[0, 1] < 0.4 and 0.2 < height - centre[-1, 3] < 0.4
  assert 0.1 < width - beside[min(heads, 4) - 1, 2] < 0.3
