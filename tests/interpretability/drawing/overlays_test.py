"""Overlays against loops over pixels, and colours against colour blindness."""

import itertools
import math

import numpy as np
import pytest

from attn_agents.interpretability.drawing import overlays

_SHAPE = (13, 9)


def _frame(seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (*_SHAPE, 3), dtype=np.uint8)


def _neighbours(cells, size, pixel):
  """The cells between whose centres a pixel is, and how far it is along."""
  place = (pixel + 0.5) * cells / size - 0.5
  low = math.floor(place)
  first, second = (min(max(x, 0), cells - 1) for x in (low, low + 1))
  return first, second, place - low


def _slowly_enlarged(values, shape):
  large = np.empty(shape)
  for y, x in np.ndindex(*shape):
    top, bottom, down = _neighbours(values.shape[0], shape[0], y)
    left, right, across = _neighbours(values.shape[1], shape[1], x)
    large[y, x] = (
      values[top, left] * (1 - down) * (1 - across)
      + values[top, right] * (1 - down) * across
      + values[bottom, left] * down * (1 - across)
      + values[bottom, right] * down * across
    )
  return large


@pytest.mark.parametrize('cells', [(4, 3), (1, 1), (7, 20), (13, 9)])
def test_maps_are_interpolated_between_the_centres_of_cells(cells):
  values = np.random.default_rng(1).normal(size=cells)
  np.testing.assert_allclose(
    overlays.enlarge(values, _SHAPE), _slowly_enlarged(values, _SHAPE),
    atol=1e-5,
  )  # fmt: skip


@pytest.mark.parametrize('scale', [None, 0.3])
def test_spotlight_is_its_formula_at_every_pixel(scale):
  frame = _frame()
  maps = np.random.default_rng(2).random((3, 4, 3))
  colours = overlays.HEAD_COLOURS[:3]
  opacity, tint = 0.6, 0.4
  levels = [
    np.minimum(_slowly_enlarged(x, _SHAPE) / (scale or x.max()), 1)
    for x in maps
  ]
  expected = np.empty((*_SHAPE, 3))
  for y, x, c in np.ndindex(*_SHAPE, 3):
    a = [level[y, x] for level in levels]
    colour = sum(w * k[c] for w, k in zip(a, colours, strict=True)) / sum(a)
    p = opacity * tint * max(a)
    light = 1 - opacity * (1 - max(a))
    expected[y, x, c] = frame[y, x, c] * light * (1 - p) + colour * p
  drawn = overlays.spotlight(
    frame, maps, colours, opacity=opacity, tint=tint, scale=scale
  )
  assert np.abs(drawn - expected).max() <= 0.51


def test_without_tint_the_frame_stays_where_attended_and_is_black_elsewhere():
  frame = _frame()
  attention = np.zeros((1, *_SHAPE))
  attention[0, 5, 4] = 0.2
  drawn = overlays.spotlight(frame, attention, [(255, 0, 0)], opacity=1, tint=0)
  assert drawn[5, 4].tolist() == frame[5, 4].tolist()
  drawn[5, 4] = 0
  assert not drawn.any()
  same = overlays.spotlight(frame, attention, [(255, 0, 0)], opacity=0)
  np.testing.assert_array_equal(same, frame)


@pytest.mark.parametrize('scale', [None, 0.4])
def test_saliency_is_a_colour_over_grey(scale):
  frame, values = _frame(), np.random.default_rng(3).random((5, 5))
  level = _slowly_enlarged(values, _SHAPE) / (scale or values.max())
  level = np.minimum(level, 1)
  drawn = overlays.saliency(
    frame, values, (10, 200, 30), opacity=0.5, scale=scale
  )
  for y, x in np.ndindex(*_SHAPE):
    red, green, blue = map(float, frame[y, x])
    grey = round(0.299 * red + 0.587 * green + 0.114 * blue)
    for c, colour in enumerate((10, 200, 30)):
      share = 0.5 * level[y, x]
      expected = grey * (1 - share) + colour * share
      assert abs(drawn[y, x, c] - expected) <= 0.51


def test_nothing_is_drawn_of_maps_of_zeros():
  frame, zeros = _frame(), np.zeros((2, 3, 3))
  np.testing.assert_array_equal(
    overlays.saliency(frame, zeros[0]), overlays.grey(frame)
  )
  np.testing.assert_array_equal(overlays.signed(frame, zeros[0]), frame)
  dark = overlays.spotlight(frame, zeros, [(9, 9, 9)] * 2, opacity=1)
  assert not dark.any()


def test_what_is_red_where_is_blue_and_neither_is_white():
  limit = overlays.WHAT_WHERE_LIMIT
  assert limit == pytest.approx(2.302585)
  values = np.array([[limit, 0.0, -limit, -limit / 2, 9.0]])
  drawn = overlays.what_where(values, (1, 5))[0]
  what, where = (
    np.array(x, float) for x in (overlays.WHAT_COLOUR, overlays.WHERE_COLOUR)
  )
  expected = [what, [255] * 3, where, (255 + where) / 2, what]
  assert np.abs(drawn - np.array(expected)).max() <= 0.51
  assert what.argmax() == 0 and where.argmax() == 2
  own = overlays.what_where(values / 100, (1, 5), limit=None)[0]
  np.testing.assert_array_equal(own[-1], overlays.WHAT_COLOUR)


def test_overlays_are_partly_seen_through_by_default():
  # Both the frame and the colours are seen.
  assert 0.5 < overlays.OPACITY < 1 and 0.5 < overlays.TINT < 1
  frame, one = np.full((1, 1, 3), 100, np.uint8), np.ones((1, 1))
  for name in ('saliency', 'signed'):
    drawn = getattr(overlays, name)(frame, one)
    explicit = getattr(overlays, name)(frame, one, opacity=overlays.OPACITY)
    np.testing.assert_array_equal(drawn, explicit)
  green, red = overlays.saliency(frame, one)[0, 0], overlays.signed(frame, one)
  assert green.argmax() == 1 and red[0, 0].argmax() == 0


def test_heads_have_the_colours_of_okabe_and_ito():
  # Color Universal Design, 2008, without black; the last is almost white.
  published = [
    '56b4e9', 'e69f00', '009e73', 'cc79a7', 'f0e442', 'd55e00', '0072b2',
  ]  # fmt: skip
  *heads, last = overlays.HEAD_COLOURS
  assert [bytes(colour).hex() for colour in heads] == published
  assert min(last) == max(last) > 240
  for head in range(8):
    assert overlays.head_colour(head) == overlays.HEAD_COLOURS[head]
    assert overlays.head_colour(head + 8) == overlays.HEAD_COLOURS[head]


# Machado et al. 2009, for colours in linear light, at full severity.
_SEEN_BY = {
  'normal': np.eye(3),
  'protanopia': [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  'deuteranopia': [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
  ],
  'tritanopia': [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.303900],
  ],
}
_XYZ = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.0721750],
  [0.0193339, 0.1191920, 0.9503041],
]


def _lab(colour, seen_by):
  c = np.array(colour) / 255
  linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
  seen = np.clip(np.array(_SEEN_BY[seen_by]) @ linear, 0, 1)
  x, y, z = np.cbrt(_XYZ @ seen / np.array([0.95047, 1, 1.08883]))
  return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize('seen_by', _SEEN_BY)
def test_colours_are_told_apart_by_everybody(seen_by):
  groups = [
    overlays.HEAD_COLOURS,
    (overlays.POLICY_COLOUR, overlays.VALUE_COLOUR),
    (overlays.WHAT_COLOUR, overlays.WHERE_COLOUR),
  ]
  for group in groups:
    for one, other in itertools.combinations(group, 2):
      distance = np.linalg.norm(_lab(one, seen_by) - _lab(other, seen_by))
      assert distance > 15, (one, other)
