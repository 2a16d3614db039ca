import dataclasses

import numpy as np
import pytest

from attn_agents.interpretability.screen import cells
from attn_agents.watching import shots
from configs.agents import impala_ff, s3ta
from tests.watching import messages


def _shot(*weights):
  rng = np.random.default_rng(0)
  frame = rng.integers(0, 256, (210, 160, 3), dtype=np.uint8)
  maps = tuple(
    shots.Map(f'map {i}', w, cells.even(w.shape, (210, 160)))
    for i, w in enumerate(weights)
  )
  return shots.Shot(frame, maps, {'row': 3, 'value': None})


def test_a_message_holds_what_was_put_in():
  rng = np.random.default_rng(1)
  weights = [rng.random(s).astype(np.float32) for s in ((5, 4), (2, 7))]
  shot = _shot(*weights)
  message = shots.encode(shot)
  facts, maps, frame = messages.decode(message)
  assert facts == {'row': 3, 'value': None}
  np.testing.assert_array_equal(frame, shot.frame)
  for ours, weight in zip(maps, weights, strict=True):
    np.testing.assert_allclose(
      ours / 255, weight / weight.max(), atol=0.5 / 255
    )
    assert ours.max() == 255
  assert [d['name'] for d in messages.described(message)] == ['map 0', 'map 1']


def test_how_many_cells_a_map_spreads_over():
  even, one = np.full((3, 4), 0.5, np.float32), np.zeros((3, 4), np.float32)
  one[1, 2] = 7.0
  half = one + np.roll(one, 1)
  found = messages.described(shots.encode(_shot(even, one, half)))
  assert [d['cells'] for d in found] == pytest.approx([12, 1, 2])


def test_one_cell_or_two_along_an_axis_cover_all_of_it():
  weights = [np.ones(shape, np.float32) for shape in ((1, 2), (2, 1))]
  for found in messages.described(shots.encode(_shot(*weights))):
    assert found['box'] == [0, 0, 210, 160]


def test_weights_that_are_no_numbers_are_shown_as_nothing():
  _, maps, _ = messages.decode(
    shots.encode(_shot(np.full((3, 4), np.nan, np.float32)))
  )
  assert not maps[0].any()


def test_cells_are_where_the_network_sees_them():
  config = s3ta.small()
  network = dataclasses.replace(
    config.network, conv_kernels=(8, 4), conv_strides=(4, 3)
  )
  config = dataclasses.replace(config, network=network)
  attention = np.zeros((1, 4, 7, 7), np.float32)
  maps = shots.maps_of({'attention': attention}, config)
  assert [m.name for m in maps] == ['head 1', 'head 2', 'head 3', 'head 4']
  message = shots.encode(_shot()._replace(maps=maps))
  box = messages.described(message)[0]['box']
  # Of 84 pixels, the cells' centres are 8, 20, ..., 80.
  np.testing.assert_allclose(
    box, np.array([2 * 210, 2 * 160, 84 * 210, 84 * 160]) / 84
  )


def test_masks_are_attention_in_the_mean_over_channels():
  rng = np.random.default_rng(2)
  masks = {
    f'section_{i}/mask': rng.random((1, 6 - i, 4, 3 + i)).astype(np.float32)
    for i in range(3)
  }
  others = {'section_0/trunk': np.zeros((1, 6, 4, 3)), 'last_map': np.ones(5)}
  maps = shots.maps_of({**masks, **others}, impala_ff.small())
  assert [m.name for m in maps] == ['mask 1', 'mask 2', 'mask 3']
  for found, mask in zip(maps, masks.values(), strict=True):
    slow = sum(mask[0, ..., c] for c in range(mask.shape[-1])) / mask.shape[-1]
    np.testing.assert_allclose(found.weights, slow, rtol=1e-6)
  assert shots.maps_of(others, impala_ff.small()) == ()
