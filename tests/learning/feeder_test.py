"""The thread that keeps batches ready."""

import threading
import time

import jax
import numpy as np
import pytest

from attn_agents.learning import feeder
from tests import trajectories


def _feeder(batches, prefetch=2):
  return feeder.Feeder(batches, jax.local_devices()[:1], prefetch)


def _get(reading):
  batch, info = reading.get(30.0)
  number = int(info.versions[0])
  # It is laid out as the update of one device takes it.
  assert batch.action.shape == (1, 3, 2) and np.all(batch.action == number)
  return number


def _wait_until(condition):
  deadline = time.monotonic() + 30
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.002)


def test_so_many_batches_are_read_ahead_and_no_more():
  """What waits longer is older."""
  read = []

  def source():
    for number in range(100):
      read.append(number)
      yield [trajectories.numbered(number)]

  reading = _feeder(source())
  _wait_until(lambda: len(read) == 2)
  time.sleep(0.05)
  assert read == [0, 1]
  for number in range(5):
    assert _get(reading) == number
    _wait_until(lambda count=number + 3: len(read) == count)
  time.sleep(0.05)
  assert read == list(range(7))


def test_a_batch_that_is_late_is_waited_for_as_long_as_asked():
  come = threading.Event()

  def source():
    come.wait(30)
    yield [trajectories.numbered(7)]

  reading = _feeder(source())
  # The end of the process does not wait for it.
  waiting = [t for t in threading.enumerate() if t.name == 'feeder']
  assert waiting and all(t.daemon for t in waiting)
  start = time.monotonic()
  assert reading.get(0.05) is None
  assert time.monotonic() - start > 0.04
  come.set()
  assert _get(reading) == 7


def _failing():
  yield [trajectories.numbered(1)]
  raise OSError('the server has ended')


@pytest.mark.parametrize(
  ('source', 'why', 'kind'),
  [
    (_failing(), 'the server has ended', OSError),
    (
      iter([[trajectories.numbered(1)]]), 'the source of batches has ended',
      EOFError,
    ),
  ],
)  # fmt: skip
def test_a_failure_is_told_after_the_batches_before_it(source, why, kind):
  reading = _feeder(source)
  assert _get(reading) == 1
  with pytest.raises(
    RuntimeError, match=f'^reading trajectories failed: {why}$'
  ) as caught:
    _wait_until(lambda: reading.get(0.01) is not None)
  assert isinstance(caught.value.__cause__, kind)
