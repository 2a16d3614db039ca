import threading
import time

import numpy as np
import pytest

from attn_agents.learning import publisher
from attn_agents.utils import finite


class Store:
  """Takes what is published, one at a time, when it is told to."""

  def __init__(self, error=None):
    self.versions = []
    self.is_asked = threading.Event()
    self.go_on = threading.Event()
    self._error = error

  def publish(self, values, version):
    self.is_asked.set()
    assert self.go_on.wait(30)
    if self._error is not None:
      raise self._error
    self.versions.append(version)


def _wait_until(condition):
  deadline = time.monotonic() + 30
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.005)


def test_of_parameters_not_sent_yet_only_the_newest_go():
  store = Store()
  made = publisher.BackgroundPublisher(store)
  made.publish(np.zeros(2), 0)
  # The others find the first on its way.
  assert store.is_asked.wait(30)
  for version in range(1, 5):
    made.publish(np.zeros(2), version)
  # The end of the process waits for none.
  sending = [t for t in threading.enumerate() if t.name == 'publisher']
  assert sending and all(t.daemon for t in sending)
  store.go_on.set()
  _wait_until(lambda: 4 in store.versions)
  assert store.versions == [0, 4]
  made.check()


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_never_sent(bad):
  store = Store()
  store.go_on.set()
  made = publisher.BackgroundPublisher(store)
  made.publish(np.array([1.0, 1e30, -1e30], np.float32), 0)
  _wait_until(lambda: store.versions == [0])
  made.publish(np.array([1.0, bad, -bad], np.float32), 1)

  def failed():
    try:
      made.check()
    except RuntimeError as error:
      assert isinstance(error.__cause__, finite.NotFiniteError)
      assert 'parameters of update 1 are infinite or NaN' in str(error)
      return True
    return False

  _wait_until(failed)
  assert store.versions == [0]


@pytest.mark.parametrize('look', ['publish', 'check'])
def test_a_failed_publication_is_noticed_by_whoever_looks(look):
  """Synchronous actors would wait for it, and no update follow, for ever."""
  store = Store(ValueError('disk full'))
  made = publisher.BackgroundPublisher(store)
  made.publish(np.zeros(2), 0)
  made.check()
  store.go_on.set()

  def failed():
    try:
      made.publish(np.zeros(2), 1) if look == 'publish' else made.check()
    except RuntimeError as error:
      assert 'disk full' in str(error)
      return True
    return False

  _wait_until(failed)
