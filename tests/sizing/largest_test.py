"""How the largest batch is found with few compilations."""

import pytest

from attn_agents.sizing import compiled, largest, work

_WORK = work.Work(0.0, 0.0, (), 0)


def _measure(num_bytes, refused_above):
  """A compiler whose programs take `num_bytes(share)`."""
  asked = []

  def measure(share):
    asked.append(share)
    taken = num_bytes(share)
    if taken > refused_above:
      return compiled.Refused(taken, refused_above)
    program = compiled.Program('update', 1, taken, 0, 0, 0, 0, _WORK)
    return compiled.Update((program,), 0.0, {}, 0.0)

  return measure, asked


@pytest.mark.parametrize(
  ('fixed', 'slope', 'curved'), [(70, 190, 0), (5_000, 190, 0), (70, 190, 0.3)]
)
def test_the_largest_that_fits_is_compiled(fixed, slope, curved):
  available = 16_000

  def num_bytes(share):
    return int(fixed + slope * share + curved * share**2)

  measure, asked = _measure(num_bytes, available)
  found = largest.find(2, num_bytes(2), available, measure)
  best = max(s for s in range(1, 100) if num_bytes(s) <= available)
  assert found.per_device in asked
  assert found.num_bytes == num_bytes(found.per_device) <= available
  assert best * 0.97 - 1 <= found.per_device <= best
  assert found.tries == len(asked) <= 5
  if found.refused:
    assert num_bytes(found.refused) > available


def test_a_chip_holds_less_than_the_compiler_allows():
  """What waits on the device is not in the compiler's sum."""

  def num_bytes(share):
    return 50 * share + 3 * share**2

  measure, asked = _measure(num_bytes, 10**9)
  found = largest.find(2, num_bytes(2), 1_000, measure)
  assert max(map(num_bytes, asked)) > 1_000
  assert num_bytes(found.per_device) <= 1_000 < num_bytes(found.refused)


def test_nothing_above_a_size_that_was_refused_is_tried():
  measure, asked = _measure(lambda s: 10 + s // 50 + 5_000 * (s > 150), 1_000)
  found = largest.find(2, 10, 1_000, measure)
  assert found.per_device in asked
  for tried, share in enumerate(asked):
    assert all(share < before for before in asked[:tried] if before > 150)


def test_only_shares_that_the_algorithm_takes_are_tried():
  def nearest(share):
    return min(share, 31) // 8 * 8

  measure, asked = _measure(lambda share: 100 * share, 10**9)
  found = largest.find(8, 800, 2_200, measure, nearest)
  assert (found.per_device, asked) == (16, [16])
  measure, asked = _measure(lambda share: 100 * share, 10**9)
  found = largest.find(8, 800, 10**6, measure, nearest)
  assert (found.per_device, asked) == (24, [24])
  found = largest.find(24, 2_400, 10**6, measure, nearest)
  assert (found.per_device, found.tries) == (24, 0)


def test_a_full_device_holds_no_more():
  measure, asked = _measure(lambda share: 100 * share, 1_000)
  found = largest.find(10, 1_000, 1_000, measure)
  assert (found.per_device, found.num_bytes, found.refused) == (10, 1_000, 11)
  assert asked == [11]


def test_memory_that_does_not_grow_is_asked_for_five_times():
  """More is asked for each time; docs say at most five compilations."""
  measure, asked = _measure(lambda _: 100, 1_000)
  found = largest.find(2, 100, 1_000, measure)
  assert asked == [20, 40, 80, 160, 320]
  assert found == largest.Largest(320, 100, None, 5)


@pytest.mark.parametrize(('taken', 'next_one'), [(1_010, None), (1_000, 106)])
def test_a_batch_that_is_two_percent_larger_is_not_tried(taken, next_one):
  """On the line through 10 bytes for 1 and `taken` for 103."""
  measure, asked = _measure({103: taken, 106: 1_040}.get, 1_030)
  found = largest.find(1, 10, 1_030, measure)
  assert asked == [103, next_one][: 1 + bool(next_one)]
  assert (found.per_device, found.refused) == (103, next_one)


def test_the_first_one_is_tried_however_near_it_is():
  measure, asked = _measure(lambda share: 10 * share, 1_020)
  assert largest.find(100, 1_000, 1_020, measure).per_device == 102
  assert asked == [102]
