import numpy as np
import pytest

from benchmarks import packing


def _stacks():
  """Rows of four frames, and how each follows from the one before."""
  rng = np.random.default_rng(0)
  frame = lambda: rng.integers(0, 256, (6, 5), dtype=np.uint8)  # noqa: E731
  rows, kinds = [np.stack([frame() for _ in range(4)], axis=-1)], []
  for kind in (0, 0, 1, 0, 2, 0, 3, 3, 0, 1):
    if kind == 0:
      row = np.concatenate([rows[-1][..., 1:], frame()[..., None]], axis=-1)
    elif kind == 1:
      row = rows[-1]
    elif kind == 2:
      row = np.repeat(frame()[..., None], 4, axis=-1)
    else:
      row = np.stack([frame() for _ in range(4)], axis=-1)
    rows.append(row)
    kinds.append(kind)
  return np.stack(rows), kinds


def test_tells_how_stacks_follow():
  rows, kinds = _stacks()
  np.testing.assert_array_equal(packing.kinds(rows), kinds)


@pytest.mark.parametrize('name', packing.packings(stacked=True))
def test_gives_the_same_rows_back(name):
  way = packing.packings(stacked=True)[name]
  rows, _ = _stacks()
  packed = way.pack(rows)
  np.testing.assert_array_equal(way.unpack(packed, rows.shape), rows)


def test_the_newest_frames_are_all_that_is_kept():
  rows, kinds = _stacks()
  packed = packing.packings(stacked=True)['newest frame'].pack(rows)
  new = sum(kind != 1 for kind in kinds)
  others = 4 * kinds.count(3)
  assert sum(x.nbytes for x in packed) == len(kinds) + 30 * (4 + new + others)
