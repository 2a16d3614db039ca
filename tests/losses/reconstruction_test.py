"""The coarse screen, and the error of what is drawn for it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.losses import reconstruction

_AXIS = 'part'
_T, _B, _N = 6, 4, 3


def _on_one_device(function, *arrays):
  """Calls the function within a vmap, as a pmap over one device would."""
  added = jax.tree.map(lambda x: jnp.array(x)[None], arrays)
  mapped = jax.vmap(function, axis_name=_AXIS)(*added)
  return jax.tree.map(lambda x: np.asarray(x[0]), mapped)


def _error(cells, screens, weight):
  return _on_one_device(
    lambda *x: reconstruction.squared_error(*x, _AXIS), cells, screens, weight
  )


def _screens(seed=0, batch=_B):
  rng = np.random.default_rng(seed)
  shape = (_T, batch, 2 * _N, 4 * _N, 1)
  return rng.integers(256, size=shape, dtype=np.uint8)


def _targets(screens, weight):
  """By plain loops: each cell's deviation from its mean over valid rows."""
  pooled = np.zeros((*screens.shape[:2], _N, _N))
  for i in range(_N):
    for j in range(_N):
      cell = screens[:, :, 2 * i : 2 * i + 2, 4 * j : 4 * j + 4]
      pooled[:, :, i, j] = cell.mean((2, 3, 4)) / 255
  valid = pooled[weight > 0]
  return (pooled - valid.mean(0)) / (valid.std(0) + 0.002), valid.std(0)


def test_cells_are_means_of_their_pixels_and_channels():
  screens = np.random.default_rng(0).integers(
    256, size=(2, 3, 6, 9, 2), dtype=np.uint8
  )
  cells = reconstruction.coarse(screens, 3)
  expected = screens.reshape(2, 3, 3, 2, 3, 3, 2).mean((3, 5, 6)) / 255
  np.testing.assert_allclose(cells, expected, rtol=1e-5)


def test_a_pixel_on_a_border_counts_in_both_cells_by_its_shares():
  line = np.array([255, 51, 0], np.uint8).reshape(1, 1, 1, 3, 1)
  cells = reconstruction.coarse(np.repeat(line, 2, axis=2), 2)
  expected = [(1 + 0.5 * 0.2) / 1.5, 0.5 * 0.2 / 1.5]
  np.testing.assert_allclose(cells[0, 0], [expected, expected], rtol=1e-5)


def test_the_error_against_plain_loops():
  weight = np.ones((_T, _B), np.float32)
  weight[2, 1] = weight[5, 3] = 0.0
  screens = _screens()
  cells = np.random.default_rng(1).normal(size=(_T, _B, _N, _N))
  target, deviation = _targets(screens, weight)
  share = np.sum((deviation / (deviation + 0.002)) ** 2)
  expected = np.sum((cells - target) ** 2, axis=(2, 3)) / share * weight
  found = _error(cells.astype(np.float32), screens, weight)
  np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_nothing_drawn_costs_one_and_the_target_nothing():
  weight, screens = np.ones((_T, _B), np.float32), _screens()
  blank = np.zeros((_T, _B, _N, _N), np.float32)
  np.testing.assert_allclose(
    _error(blank, screens, weight).mean(), 1.0, rtol=1e-4
  )
  target, _ = _targets(screens, weight)
  found = _error(target.astype(np.float32), screens, weight)
  np.testing.assert_allclose(found, 0.0, atol=1e-6)


def test_a_cell_that_seldom_changes_counts_as_one_that_often_does():
  """A ball is in a cell once in a hundred screens."""
  screens = np.zeros((100, 2, 2, 2, 1), np.uint8)
  screens[::2, :, 0, 0] = 255
  screens[50, :, 1, 1] = 255
  weight = np.ones((100, 2), np.float32)
  blank = np.zeros((100, 2, 2, 2), np.float32)
  often, seldom = blank.copy(), blank.copy()
  flat = screens[..., 0] / 255.0
  scaled = (flat - flat.mean((0, 1))) / (flat.std((0, 1)) + 0.002)
  often[:, :, 0, 0] = scaled[:, :, 0, 0]
  seldom[:, :, 1, 1] = scaled[:, :, 1, 1]
  found = [_error(x, screens, weight).mean() for x in (often, seldom)]
  np.testing.assert_allclose(found, 0.5, atol=0.01)


def test_screens_that_never_change_ask_for_nothing():
  screens = np.full((_T, _B, 6, 12, 1), 87, np.uint8)
  weight = np.ones((_T, _B), np.float32)
  blank = np.zeros((_T, _B, _N, _N), np.float32)
  np.testing.assert_allclose(_error(blank, screens, weight), 0.0, atol=1e-5)


def test_masked_rows_add_nothing_to_error_and_gradient():
  weight = np.ones((_T, _B), np.float32)
  weight[1, 2] = 0.0
  screens = _screens()
  cells = np.random.default_rng(1).normal(size=(_T, _B, _N, _N))
  others = screens.copy()
  others[1, 2] = 0
  spoiled = cells.copy()
  spoiled[1, 2] = np.inf

  def total(cells, screens, weight):
    return jnp.sum(reconstruction.squared_error(cells, screens, weight, _AXIS))

  both = [
    _on_one_device(jax.value_and_grad(total), x.astype(np.float32), y, weight)
    for x, y in ((cells, screens), (spoiled, others))
  ]
  np.testing.assert_allclose(both[0][0], both[1][0], rtol=1e-6)
  kept = weight > 0
  np.testing.assert_allclose(both[0][1][kept], both[1][1][kept], rtol=1e-5)
  np.testing.assert_array_equal(both[1][1][1, 2], 0.0)


def test_rows_that_are_all_masked_are_no_error():
  weight = np.zeros((_T, _B), np.float32)
  blank = np.zeros((_T, _B, _N, _N), np.float32)
  np.testing.assert_array_equal(_error(blank, _screens(), weight), 0.0)


def test_two_devices_share_means_and_deviations():
  """The parts' errors are those of the whole batch."""
  screens, rng = _screens(batch=8), np.random.default_rng(1)
  # Devices that see different screens, so that their own means differ.
  screens[:, 4:] //= 3
  cells = rng.normal(size=(_T, 8, _N, _N)).astype(np.float32)
  weight = np.ones((_T, 8), np.float32)
  weight[3, 1] = 0.0
  whole = _error(cells, screens, weight)

  def halves(x):
    return jnp.stack(jnp.split(jnp.asarray(x), 2, axis=1))

  parts = jax.vmap(
    lambda *x: reconstruction.squared_error(*x, _AXIS), axis_name=_AXIS
  )(halves(cells), halves(screens), halves(weight))
  np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-4)


@dataclasses.dataclass
class _Case:
  cells: np.ndarray
  screens: np.ndarray
  weight: np.ndarray

  def outputs(self, cells):
    return types.NetworkOutput(
      jnp.zeros((_T, _B, 2)),
      jnp.zeros((_T, _B)),
      types.Reconstruction(cells),
    )


@pytest.fixture
def case():
  rng = np.random.default_rng(1)
  return _Case(
    rng.normal(size=(_T, _B, _N, _N)).astype(np.float32),
    _screens(),
    np.ones((_T, _B), np.float32),
  )


def test_what_is_added_is_in_the_loss_and_in_the_metrics(case):
  def added(cells, screens, weight):
    return reconstruction.add(
      jnp.float32(2.0),
      {'loss': jnp.float32(2.0), 'entropy': jnp.float32(0.5)},
      case.outputs(cells),
      screens,
      weight,
      0.25,
      _AXIS,
    )

  loss, metrics = _on_one_device(added, case.cells, case.screens, case.weight)
  expected = 0.25 * _error(case.cells, case.screens, case.weight).sum()
  np.testing.assert_allclose(loss, 2.0 + expected, rtol=1e-6)
  assert metrics['entropy'] == 0.5
  np.testing.assert_allclose(metrics['loss'], loss)
  np.testing.assert_allclose(
    metrics['reconstruction_loss'], expected, rtol=1e-6
  )


def test_other_networks_keep_their_loss(case):
  outputs = case.outputs(case.cells)._replace(extras=())
  before = {'loss': jnp.float32(2.0)}
  loss, metrics = reconstruction.add(
    before['loss'], before, outputs, case.screens, case.weight, 1.0, _AXIS
  )
  assert loss is before['loss'] and metrics is before
