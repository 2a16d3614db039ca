"""The figure of weights shows the sums of the weights it was given."""

import numpy as np
import pytest

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
