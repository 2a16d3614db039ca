import numpy as np

from attn_agents.interpretability.screen import grids


def test_interpolation_is_bilinear_and_constant_beyond_the_edges():
  maps = np.random.default_rng(0).normal(size=(2, 3, 4))
  rows, columns = np.array([0.1, 0.4, 0.8]), np.array([0.0, 0.3, 0.5, 0.9])
  image = grids.interpolate(maps, rows, columns, (7, 9))

  def between(positions, x):
    """Both neighbours of x and the share of the second."""
    if x <= positions[0]:
      return 0, 0, 0.0
    if x >= positions[-1]:
      return len(positions) - 1, len(positions) - 1, 0.0
    low = max(i for i, p in enumerate(positions) if p <= x)
    share = (x - positions[low]) / (positions[low + 1] - positions[low])
    return low, low + 1, share

  for y in range(7):
    top, bottom, down = between(rows, (y + 0.5) / 7)
    for x in range(9):
      left, right, across = between(columns, (x + 0.5) / 9)
      expected = (1 - down) * (
        (1 - across) * maps[:, top, left] + across * maps[:, top, right]
      ) + down * (
        (1 - across) * maps[:, bottom, left] + across * maps[:, bottom, right]
      )
      np.testing.assert_allclose(image[:, y, x], expected, atol=1e-12)


def test_pixels_take_the_value_of_their_cell_and_cells_the_mean_of_theirs():
  cells = np.arange(12.0).reshape(3, 4)
  image = grids.expand(cells, (9, 8))
  np.testing.assert_array_equal(image, np.kron(cells, np.ones((3, 2))))
  np.testing.assert_allclose(grids.cell_means(image, (3, 4)), cells)
  # Pixel 2 of 5 lies in both halves.
  means = grids.cell_means(
    np.array([[1.0], [2.0], [8.0], [3.0], [4.0]]), (2, 1)
  )
  np.testing.assert_allclose(means, [[(1 + 2 + 4) / 2.5], [(4 + 3 + 4) / 2.5]])
