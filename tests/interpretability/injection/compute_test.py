import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from attn_agents.interpretability.injection import compute as injection
from configs import errors

_FRAME = (210, 160)


def _sprite():
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def _screen():
  rng = np.random.default_rng(1)
  return rng.integers(0, 256, (*_FRAME, 3), dtype=np.uint8)


def _slow_paste(frame, sprite, x, y):
  edited = frame.copy()
  for i, j in np.ndindex(*sprite.shape[:2]):
    if 0 <= y + i < _FRAME[0] and 0 <= x + j < _FRAME[1]:
      alpha = sprite[i, j, 3] / 255
      for c in range(3):
        mixed = alpha * sprite[i, j, c] + (1 - alpha) * frame[y + i, x + j, c]
        edited[y + i, x + j, c] = round(mixed)
  return edited


@pytest.mark.parametrize(
  ('x', 'y'), [(40, 70), (-3, 9), (156, 207), (-6, -4), (0, 208), (159, 0)]
)
def test_pasting_equals_a_loop_over_pixels_also_at_borders(x, y):
  frame = _screen()
  edited = injection.Injection(_sprite(), (x, y))(frame, 0)
  np.testing.assert_array_equal(edited, _slow_paste(frame, _sprite(), x, y))
  assert (edited != frame).any()
  np.testing.assert_array_equal(frame, _screen())


def test_path_and_schedule():
  moving = injection.Injection(
    _sprite(), (-7.0, 100.0), (2.5, -1.0), start_row=3, until_row=80
  )
  assert moving.corner(2) is None
  assert moving.corner(3) == (100, -7)
  # Half pixels are rounded up, so that steps alternate between 2 and 3.
  assert [moving.corner(row)[1] for row in (4, 5, 6, 7)] == [-4, -2, 1, 3]
  assert moving.corner(13) == (90, 18)
  assert moving.corner(79) is not None
  assert moving.corner(80) is None


def test_box_is_what_is_on_the_screen():
  moving = injection.Injection(_sprite(), (-7.0, 208.0), (1.0, 0.0))
  assert moving.box(0, _FRAME) is None
  assert moving.box(2, _FRAME) == (208, 0, 210, 2)
  assert moving.box(50, _FRAME) == (208, 43, 210, 50)
  assert moving.box(165, _FRAME) == (208, 158, 210, 160)
  assert moving.box(167, _FRAME) is None
  frame = _screen()
  assert moving(frame, 0) is frame
  changed = np.argwhere((moving(frame, 50) != frame).any(axis=-1))
  assert changed.min(axis=0).tolist() == [208, 43]
  assert changed.max(axis=0).tolist() == [209, 49]


def test_fish_that_ships_crosses_the_screen_from_the_left():
  fish = injection.load()
  assert fish.sprite.shape == (10, 16, 4)
  assert set(fish.sprite[..., 3].flat) == {0, 255}
  assert fish.corner(0) == (95, -16)
  assert fish.box(0, _FRAME) is None
  assert fish.box(1, _FRAME) == (95, 0, 105, 2)
  lefts = [fish.box(row, _FRAME) for row in range(1, 88)]
  assert all(box is not None for box in lefts)
  assert fish.box(88, _FRAME) is None
  json.dumps(fish.facts())


def _write(path, **entries):
  Image.fromarray(_sprite()).save(path / 'own.png')
  file = path / 'own.json'
  file.write_text(json.dumps({'sprite': 'own.png', **entries}))
  return file


def test_the_fish_is_scaled_to_another_screen():
  fish = injection.load()
  assert fish.fitted(_FRAME) is fish
  half = fish.fitted((105, 80))
  height, width, _ = fish.sprite.shape
  np.testing.assert_array_equal(half.sprite, fish.sprite[::2, ::2])
  assert (height, width) == (10, 16)
  assert half.position == (-8.0, 47.5)
  assert half.velocity == (1.0, 0.0)
  # A file that names no screen is meant for any.
  anywhere = dataclasses.replace(fish, screen=None)
  assert anywhere.fitted((105, 80)) is anywhere
  assert anywhere.digest == fish.digest == 'fish_df19dbff'


def test_file_is_read_and_its_sprite_beside_it(tmp_path):
  loaded = injection.load(
    _write(
      tmp_path, position=[1.5, 2], velocity=[0, -1], start_row=4, until_row=9
    )
  )
  np.testing.assert_array_equal(loaded.sprite, _sprite())
  assert loaded.position == (1.5, 2)
  assert loaded.velocity == (0, -1)
  assert (loaded.start_row, loaded.until_row) == (4, 9)
  resting = injection.load(_write(tmp_path, position=[0, 0], sprite='fish.png'))
  assert resting.sprite.shape == (10, 16, 4)
  assert (resting.velocity, resting.until_row) == ((0, 0), None)


@pytest.mark.parametrize(
  ('entries', 'message'),
  [
    ({}, 'position is missing'),
    ({'position': [1]}, r'position=\[1\]: expected two numbers'),
    ({'position': [1, '2']}, 'expected two numbers'),
    ({'position': [1, True]}, 'expected two numbers'),
    ({'position': [0, 0], 'velocity': [float('inf'), 0]}, 'velocity='),
    ({'position': [0, 0], 'start_row': -1}, 'start_row=-1: expected a whole'),
    ({'position': [0, 0], 'start_row': 1.0}, 'start_row=1.0'),
    ({'position': [0, 0], 'start_row': 5, 'until_row': 5}, 'until_row=5'),
    ({'position': [0, 0], 'speed': 1}, "unknown entry of .* 'speed'"),
    ({'position': [0, 0], 'velocty': [1, 0]}, "did you mean 'velocity'"),
    ({'position': [0, 0], 'sprite': 'no.png'}, r"sprite=no.png: .*fish\.png"),
    ({'position': [0, 0], 'sprite': 3}, 'sprite=3'),
  ],
)  # fmt: skip
def test_bad_files_end_in_one_line(tmp_path, entries, message):
  with pytest.raises(errors.ConfigError, match=message) as error:
    injection.load(_write(tmp_path, **entries))
  assert '\n' not in str(error.value)
  assert str(tmp_path / 'own.json') in str(error.value)


def test_files_that_are_none_end_in_one_line(tmp_path):
  text = tmp_path / 'text.json'
  text.write_text('{"sprite": ')
  braces = tmp_path / 'list.json'
  braces.write_text('[]')
  for path in (text, braces, tmp_path / 'nothing.json'):
    with pytest.raises(errors.ConfigError, match=path.name) as error:
      injection.load(path)
    assert '\n' not in str(error.value)
