"""Heads whose behaviour is known, beside a sprite that wanders."""

import json

import numpy as np
import pytest

from attn_agents.interpretability.behaviour import compute as behaviour
from attn_agents.interpretability.recordings import parts, writing
from attn_agents.interpretability.screen import cells, targets

GRID = cells.even((21, 16), (210, 160))
_ROWS, _SIZE = 240, 10
_BACKGROUND, _SPRITE, _OTHER = (30, 40, 90), (92, 186, 92), (213, 130, 74)


def _path(rows=_ROWS):
  """Centres of the sprite, [rows, 2]: steps of 4 pixels, with turns."""
  rng = np.random.default_rng(3)
  place, step, path = np.array([85.0, 65.0]), np.array([4, 4]), []
  for row in range(rows):
    if row % 7 == 0:
      step = rng.choice([-4, 0, 4], 2)
    step = np.where(
      (place + step < 20) | (place + step > [190, 140]), -step, step
    )
    place = place + step
    path.append(place)
  return np.array(path)


def _frames(path):
  """A square sprite on its path, and one that never moves."""
  frames = np.empty((len(path), 210, 160, 3), np.uint8)
  frames[:] = _BACKGROUND
  frames[:, 10:30, 100:110] = _OTHER
  for frame, (y, x) in zip(frames, path.astype(int), strict=True):
    half = _SIZE // 2
    frame[y - half : y + half, x - half : x + half] = _SPRITE
  return frames


def _record(path, frames, game=None):
  writer = writing.Writer(path, {})
  for row, frame in enumerate(frames):
    writer.append(
      {
        'frame': frame,
        'game': np.int32(0 if game is None else game[row]),
        'reward': np.float32(0),
        'action': np.int32(0),
        'step_type': np.int8(1),
        'observation': np.zeros((4, 4, 1), np.uint8),
      }
    )
  return writer.end(1)


def _look(places):
  """Maps of a head that looks at places [N, 2] with one cell's width."""
  maps = np.zeros((len(places), len(GRID.rows), len(GRID.columns)), np.float32)
  rows, columns = (
    np.abs(centres - place[:, None]).argmin(axis=1)
    for centres, place in zip(GRID[:2], places.T, strict=True)
  )
  maps[np.arange(len(places)), rows, columns] = 1
  return maps


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(parts, 'PART_ROWS', 100)
    path = tmp_path_factory.mktemp('behaviour') / 'of'
    yield _record(path, _frames(_path()))


@pytest.fixture(scope='module')
def measured(recorded):
  """Of heads glued to the sprite, 5 steps ahead, fixed, scanning and even."""
  path = _path(_ROWS + 5)
  raster = np.stack(np.divmod(np.arange(_ROWS) * 7, 160), axis=1) * [10.0, 1.0]
  attention = np.stack(
    [
      _look(path[:_ROWS]),
      _look(path[5:]),
      _look(np.full((_ROWS, 2), 25.0)),
      _look(raster),
      np.full((_ROWS, 21, 16), 1 / 336, np.float32),
    ],
    axis=1,
  )
  return behaviour.measure(attention, targets.moving(recorded, GRID), GRID)


def test_motion_is_where_the_sprite_is(recorded):
  # As long as it goes straight on, its motion is centred on the sprite.
  path, found = _path(), targets.moving(recorded, GRID)
  assert np.isnan(found.centre[[0, -1]]).all()
  assert np.isnan(found.area[[0, -1]]).all()
  steps = np.diff(path, axis=0)
  straight = 1 + np.flatnonzero(
    (steps[1:] == steps[:-1]).all(axis=1) & (steps[1:] != 0).any(axis=1)
  )
  assert len(straight) > 100
  np.testing.assert_allclose(found.centre[straight], path[straight])
  resting = 1 + np.flatnonzero(
    (steps[1:] == 0).all(axis=1) & (steps[:-1] == 0).all(axis=1)
  )
  assert len(resting) > 3
  np.testing.assert_array_equal(found.area[resting], 0)


def test_motion_equals_a_loop_over_pixels(recorded):
  found, frames = targets.moving(recorded, GRID), recorded['frame']
  for row in (1, 99, 100, 150):
    moved, pixels = np.zeros((21, 16)), []
    changed = frames[row - 1 : row + 2] != frames[row]
    for y, x in np.argwhere(changed.any(axis=(0, 3))):
      weight = changed[0, y, x].any() / 2 + changed[2, y, x].any() / 2
      moved[y // 10, x // 10] += weight / 100
      pixels.append((weight, y + 0.5, x + 0.5))
    weights, *places = np.array(pixels).T
    np.testing.assert_allclose(found.cells[row], moved, atol=1e-6)
    assert found.area[row] == pytest.approx(weights.sum() / (210 * 160))
    np.testing.assert_allclose(
      found.centre[row], np.average(places, axis=1, weights=weights)
    )


def test_games_flashes_and_their_neighbours_have_no_motion(tmp_path):
  frames = _frames(_path(20))
  frames[12] = 255
  game = np.repeat([0, 1], [7, 13])
  found = targets.moving(_record(tmp_path / 'r', frames, game), GRID)
  np.testing.assert_array_equal(
    np.flatnonzero(np.isnan(found.area)), [0, 6, 7, 11, 12, 13, 19]
  )


def test_a_colour_is_found_moving_or_not(recorded):
  sprite = targets.coloured(recorded, GRID, [_SPRITE])
  np.testing.assert_allclose(sprite.centre, _path())
  still = targets.coloured(recorded, GRID, [_OTHER])
  np.testing.assert_allclose(still.centre, np.tile([20, 105], (_ROWS, 1)))
  np.testing.assert_allclose(still.area, 200 / (210 * 160))
  # It covers columns 100..109 and rows 10..29: two cells.
  np.testing.assert_allclose(still.cells.sum(axis=(1, 2)), 2, rtol=1e-5)
  both = targets.coloured(recorded, GRID, [_SPRITE, _OTHER])
  np.testing.assert_allclose(both.cells, sprite.cells + still.cells)
  cut = targets.coloured(recorded, GRID, [_OTHER], (25, 0, 210, 104))
  np.testing.assert_allclose(cut.area, 5 * 4 / (210 * 160))
  np.testing.assert_allclose(cut.centre[7], [27.5, 102])
  nothing = targets.coloured(recorded, GRID, [(92, 186, 93), (0, 186, 92)])
  assert np.isnan(nothing.centre).all()
  np.testing.assert_array_equal(nothing.area, 0)


def test_glued_head_is_at_the_sprite_now(measured):
  assert measured.look_ahead[0] == 0
  assert measured.best_correlation[0] > 0.95
  assert measured.best_correlation[0] > measured.chance[0] + 0.1
  lift = measured.lift[0]
  assert lift.argmax() == behaviour.MAX_LAG
  assert lift.max() > 20


def test_chance_is_what_shifted_motion_reaches(recorded, measured):
  target = targets.moving(recorded, GRID).centre
  centre = cells.centre_of_mass(_look(_path()), GRID)
  best = []
  for shift in np.linspace(31, _ROWS - 31, 20).astype(int):
    reached = []
    for lag in range(-15, 16):
      pairs = [
        (centre[row], target[(row + lag + shift) % _ROWS])
        for row in range(_ROWS)
        if 0 <= row + lag < _ROWS
      ]
      pairs = np.array([p for p in pairs if not np.isnan(p).any()])
      reached.append(behaviour.correlation(pairs[:, 0], pairs[:, 1]))
    best.append(max(reached))
  assert measured.chance[0] == pytest.approx(np.quantile(best, 0.95))


def test_head_that_runs_ahead_has_its_lead(measured):
  assert measured.look_ahead[1] == 5
  assert measured.best_correlation[1] > 0.95
  assert measured.lags[measured.lift[1].argmax()] == 5
  assert measured.correlation[1, behaviour.MAX_LAG] < 0.9


def test_fixed_head_neither_moves_nor_follows(measured):
  assert measured.speed[2] == 0
  assert np.isnan(measured.look_ahead[2])
  assert np.isnan(measured.best_correlation[2])
  assert np.isnan(measured.chance[2])
  assert measured.persistence[2] == np.inf
  np.testing.assert_array_equal(measured.overlap[2], 1)
  assert measured.coverage[2] == pytest.approx(1 / 336)


def test_scanning_head_covers_the_screen_a_cell_at_a_time(measured):
  assert measured.focus[3] == pytest.approx(1 / 336)
  # Of 21 lines of 16 cells it reaches 11 lines in 240 steps of 7 pixels.
  assert 0.4 < measured.coverage[3] < 0.55
  assert measured.persistence[3] <= 2
  assert abs(measured.best_correlation[3]) < 0.5
  assert measured.coverage[0] < 0.5 and measured.focus[4] == pytest.approx(1)


def test_even_attention_has_no_lift_and_no_centre_that_moves(measured):
  np.testing.assert_allclose(measured.lift[4], 1, rtol=1e-4)
  assert measured.share[4] == pytest.approx(measured.area, rel=1e-4)
  assert np.isnan(measured.look_ahead[4])


def test_speed_is_in_pixels_per_step(recorded):
  # Cells of 10 pixels, one to the right and two down at every other step.
  places = np.cumsum(np.tile([[0, 0], [20, 10]], (5, 1)), axis=0) + 15
  target = targets.Target(
    np.zeros((10, 21, 16), np.float32), np.zeros(10), np.full((10, 2), np.nan),
    np.repeat([0, 1], 5),
  )  # fmt: skip
  found = behaviour.measure(_look(places)[:, None], target, GRID)
  # The step between the games is none: rows 4 to 5 have one of the five.
  assert found.speed[0] == pytest.approx(4 * 500**0.5 / 8)
  assert np.isnan(found.look_ahead[0]) and np.isnan(found.lift[0]).all()
  np.testing.assert_allclose(found.overlap[0, :3], [1, 4 / 8, 0])
  assert found.persistence[0] == 2


def test_correlation_adds_both_axes():
  rng = np.random.default_rng(0)
  points, others = rng.normal(size=(2, 50, 2)) * [3, 10] + 80
  others += 0.7 * points
  stacked = np.concatenate(
    [(places - places.mean(axis=0)).T.ravel() for places in (points, others)]
  ).reshape(2, -1)
  expected = np.corrcoef(stacked)[0, 1]
  assert behaviour.correlation(points, others) == pytest.approx(expected)
  assert behaviour.correlation(points, -points) == pytest.approx(-1)
  assert np.isnan(behaviour.correlation(points, np.full((50, 2), 7.0)))


def test_lags_stay_within_games():
  # In each game the head is where the target will be in 3 steps; the games
  # are too short for pairs beyond that.
  rng = np.random.default_rng(0)
  places = rng.integers(0, 15, (40, 8, 2)) * 10 + 5.0
  target = targets.Target(
    cells=_look(places[:, :5].reshape(-1, 2)),
    area=np.full(200, 1 / 336),
    centre=places[:, :5].reshape(-1, 2),
    game=np.repeat(np.arange(40), 5),
  )
  attention = _look(places[:, 3:].reshape(-1, 2))[:, None]
  found = behaviour.measure(attention, target, GRID)
  assert found.look_ahead[0] == 3
  assert found.best_correlation[0] == pytest.approx(1)
  middle = behaviour.MAX_LAG
  assert found.lift[0, middle + 3] == pytest.approx(336)
  known = ~np.isnan(found.lift[0])
  np.testing.assert_array_equal(found.lags[known], np.arange(-4, 5))


def _against(target):
  """A head that is where the target is not: mirrored at its mean."""
  return _look(2 * target.mean(axis=0) - target)[:, None]


def _wandering(rows, game):
  """A target that is at another cell of the middle of the screen each row."""
  places = np.random.default_rng(1).integers(3, 12, (rows, 2)) * 10 + 5.0
  places[-1] = 2 * 75.0 * np.ones(2) - places[:-1].mean(axis=0)
  area = np.full(rows, 1 / 336)
  return targets.Target(_look(places), area, places, game)


@pytest.mark.parametrize(('rows', 'known'), [(29, []), (30, [0])])
def test_a_correlation_needs_thirty_pairs_and_may_be_negative(rows, known):
  target = _wandering(rows, np.zeros(rows, int))
  found = behaviour.measure(_against(target.centre), target, GRID)
  there = ~np.isnan(found.correlation[0])
  assert found.lags[there].tolist() == known
  if known:
    assert found.best_correlation[0] < -0.9
    assert found.look_ahead[0] == 0


@pytest.mark.parametrize(('rows', 'known'), [(81, False), (82, True)])
def test_chance_needs_twenty_shifts_beyond_all_lags(rows, known):
  # From 31 rows to 31 rows before the end, and twenty more.
  target = _wandering(rows, np.zeros(rows, int))
  found = behaviour.measure(_look(target.centre)[:, None], target, GRID)
  assert (not np.isnan(found.chance[0])) == known


def test_games_of_one_row_say_nothing_of_motion():
  target = _wandering(5, np.arange(5))
  found = behaviour.measure(_look(target.centre)[:, None], target, GRID)
  assert np.isnan(found.speed[0]) and np.isnan(found.persistence[0])
  assert found.overlap[0, 0] == 1 and np.isnan(found.overlap[0, 1:]).all()
  assert found.lags[~np.isnan(found.lift[0])].tolist() == [0]


def test_rows_where_the_target_is_unknown_are_left_out():
  target = _wandering(40, np.zeros(40, int))
  attention = _look(target.centre)[:, None]
  attention[:20] = 1 / 336
  target.area[:20], target.centre[:20] = np.nan, np.nan
  found = behaviour.measure(attention, target, GRID)
  assert (found.share[0], found.area) == pytest.approx((1, 1 / 336))
  assert found.lift[0, behaviour.MAX_LAG] == pytest.approx(336)


def test_what_moves_by_a_thousandth_of_a_pixel_stands_still():
  moving = np.random.default_rng(0).normal(size=(40, 2))
  wobble = np.resize([1.0, -1.0], 40)[:, None] * [1, 0]
  still, moved = 0.9e-3 * wobble, 1.1e-3 * wobble
  for pair in ((still, moving), (moving, still)):
    assert np.isnan(behaviour.correlation(*pair))
  found = behaviour.correlation(moved, moving)
  assert found == pytest.approx(behaviour.correlation(wobble, moving))


def test_summary_is_json(measured):
  summary = json.loads(json.dumps(measured.summary(), allow_nan=False))
  assert summary['look_ahead'] == [0, 5, None, summary['look_ahead'][3], None]
  assert summary['persistence'][2] is None
  assert summary['lift'][0] == pytest.approx(measured.share[0] / measured.area)
