import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from PIL import Image

from attn_agents.interpretability.screen import cells
from configs import agents, errors, sizes
from configs.agents import impala_ff, s3ta

_LAYERS = [
  # The paper's S3TA, our small one, and DARQN's three layers.
  (210, (8, 4), (4, 2), 'SAME'),
  (160, (8, 4), (4, 2), 'SAME'),
  (84, (8, 4), (4, 3), 'SAME'),
  (84, (8, 4, 3), (4, 2, 1), 'VALID'),
]


def _seen_by(size, kernels, strides, padding):
  """Which inputs reach which outputs of real convolutions, bool [out, in]."""

  def run(x):
    x = x[None, None]
    for kernel, stride in zip(kernels, strides, strict=True):
      ones = jnp.ones((1, 1, kernel))
      x = lax.conv_general_dilated(x, ones, (stride,), padding)
    return x[0, 0]

  return np.asarray(jax.jacobian(run)(jnp.zeros(size))) > 0


@pytest.mark.parametrize(('size', 'kernels', 'strides', 'padding'), _LAYERS)
def test_centres_are_those_of_receptive_fields(size, kernels, strides, padding):
  seen = _seen_by(size, kernels, strides, padding)
  layers = sizes.Convolutions(kernels, strides, padding)
  grid = cells.of_convolutions((size, size), layers, (size, size))
  assert len(grid.rows) == len(seen)
  inner = 0
  for cell, row in enumerate(seen):
    first, *_, last = np.flatnonzero(row)
    if first > 0 and last < size - 1:
      inner += 1
      assert grid.rows[cell] == (first + last + 1) / 2
  assert inner >= 4
  np.testing.assert_allclose(np.diff(grid.columns), np.prod(strides))


def test_grid_of_an_agent_scales_to_the_frame():
  small = cells.of_agent(s3ta.small(), (7, 7))
  layers = sizes.Convolutions((6, 4), (6, 2))
  own = cells.of_convolutions((84, 84), layers, (84, 84))
  np.testing.assert_allclose(small.rows, own.rows * 210 / 84)
  np.testing.assert_allclose(small.columns, own.columns * 160 / 84)
  paper = cells.of_agent(s3ta.paper(), (27, 20))
  assert (len(paper.rows), len(paper.columns)) == (27, 20)
  assert paper.rows[-1] == 8 * 26 + 3
  other = cells.of_agent(impala_ff.paper(), (3, 4))
  np.testing.assert_allclose(other.rows, [35, 105, 175])
  np.testing.assert_allclose(other.columns, [20, 60, 100, 140])


_GRIDS = [
  cells.of_agent(s3ta.paper(), (27, 20)),
  cells.of_convolutions(
    (84, 84), sizes.Convolutions((8, 4, 3), (4, 2, 1), 'VALID'), (210, 160)
  ),
  cells.even((5, 3), (23, 16)),
]


@pytest.mark.parametrize('grid', _GRIDS)
def test_pixels_belong_to_the_nearest_centre(grid):
  maps = np.arange(len(grid.rows) * len(grid.columns), dtype=np.float32)
  maps = maps.reshape(len(grid.rows), len(grid.columns))
  full = cells.resize(maps, grid, 'nearest')
  assert full.shape == grid.frame
  rows, columns = cells.edges(grid)
  for i, y in ((i, y) for i in range(len(rows) - 1) for y in (0, -1)):
    row = rows[i] if y == 0 else rows[i + 1] - 1
    assert np.abs(grid.rows - row - 0.5).argmin() == i
  for row in range(0, grid.frame[0], 7):
    for column in range(0, grid.frame[1], 5):
      nearest = (
        np.abs(grid.rows - row - 0.5).argmin(),
        np.abs(grid.columns - column - 0.5).argmin(),
      )
      assert full[row, column] == maps[nearest]
      assert rows[nearest[0]] <= row < rows[nearest[0] + 1]
      assert columns[nearest[1]] <= column < columns[nearest[1] + 1]


def test_bilinear_on_even_cells_is_that_of_pillow():
  maps = np.random.default_rng(0).random((2, 7, 5)).astype(np.float32)
  ours = cells.resize(maps, cells.even((7, 5), (210, 160)), 'bilinear')
  for one, image in zip(maps, ours, strict=True):
    theirs = Image.fromarray(one).resize((160, 210), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(image, np.array(theirs), atol=1e-5)


def test_bilinear_gives_centres_their_values():
  grid = cells.Grid(np.array([2.5, 9.5]), np.array([1.5, 4.5]), (12, 6))
  maps = np.array([[0.0, 3.0], [7.0, 10.0]])
  full = cells.resize(maps, grid, 'bilinear')
  np.testing.assert_allclose(full[[2, 2, 9, 9], [1, 4, 1, 4]], [0, 3, 7, 10])
  np.testing.assert_allclose(full[3:9, 0], np.arange(1, 7))
  np.testing.assert_allclose(full[11, 2], 8)


def test_unknown_method_is_refused():
  with pytest.raises(errors.ConfigError, match='bilinear'):
    cells.resize(np.zeros((2, 2)), cells.even((2, 2), (210, 160)), 'bilinaer')


def test_share_counts_the_pixels_of_a_mask():
  rng = np.random.default_rng(1)
  mask = rng.random((3, *_GRIDS[0].frame)) < 0.3
  shares = cells.share(mask, _GRIDS[0])
  rows, columns = cells.edges(_GRIDS[0])
  for n, i, j in ((0, 0, 0), (1, 13, 7), (2, 26, 19), (0, 26, 0)):
    inside = mask[n, rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
    assert shares[n, i, j] == pytest.approx(inside.sum() / inside.size)


def test_centre_of_mass_is_the_weighted_mean_of_centres():
  grid = cells.Grid(np.array([10.0, 60.0]), np.array([4.0, 5.0, 9.0]), (80, 10))
  maps = np.zeros((2, 2, 3))
  maps[0, 1, 2] = 1
  maps[1, 0, 0], maps[1, 1, 0], maps[1, 1, 2] = 0.5, 0.25, 0.25
  np.testing.assert_allclose(
    cells.centre_of_mass(maps, grid), [[60, 9], [35, 5.25]]
  )


def test_centres_of_darqn_are_where_its_convolutions_look():
  # 84 pixels with a border of 1: a cell sees 8 + 3 * 4 + 2 * 8 = 36 of them,
  # the first from pixel -1 on, each next one 8 further.
  layers = agents.make('darqn_soft', 'paper').network.attention_layers
  grid = cells.of_convolutions((84, 84), layers, (84, 84))
  np.testing.assert_allclose(grid.rows, -1 + 18 + 8 * np.arange(7))
  np.testing.assert_allclose(grid.columns, grid.rows)
