import threading
import time

import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.learning import publisher
from attn_agents.transport.threads import variables


def test_the_very_array_arrives_with_its_version_at_each_actor_once():
  store = variables.VariableStore()
  readers = [store.make_source(), store.make_source()]
  first, second = jnp.arange(5.0), jnp.full(5, 9.0)
  store.publish(first, 3)
  for reader in readers:
    assert reader.wait(5)
    version, values = reader.take()
    assert version == 3
    assert values is first
    assert reader.take() is None
  store.publish(second, 4)
  assert readers[1].take() == (4, second)


def test_only_the_newest_is_kept():
  store = variables.VariableStore()
  reader = store.make_source()
  for version in range(20):
    store.publish(np.full(5, version, np.float32), version)
  version, values = reader.take()
  assert version == 19
  np.testing.assert_array_equal(values, np.full(5, 19))
  assert reader.take() is None


def test_nothing_blocks_before_the_first_publication():
  reader = variables.VariableStore().make_source()
  start = time.monotonic()
  assert reader.take() is None
  assert time.monotonic() - start < 0.1
  assert not reader.wait(0.2)
  assert 0.2 <= time.monotonic() - start < 2


def test_who_waits_is_woken_by_a_newer_version_only():
  store = variables.VariableStore()
  reader = store.make_source()
  store.publish(np.zeros(5, np.float32), 0)
  reader.take()
  assert not reader.wait(0.1)
  threading.Timer(0.2, store.publish, (np.ones(5, np.float32), 1)).start()
  start = time.monotonic()
  assert reader.wait(10)
  assert 0.1 < time.monotonic() - start < 5


class _Computing:
  """Stands for an array of an update that is still running."""

  def __init__(self):
    self.finish = threading.Event()

  def block_until_ready(self):
    self.finish.wait(10)
    return self

  def __jax_array__(self):
    self.finish.wait(10)
    return jnp.zeros(5)


def test_parameters_still_computing_keep_neither_learner_nor_actor_waiting():
  store = variables.VariableStore()
  reader, pending = store.make_source(), _Computing()
  store.publish(np.zeros(5, np.float32), 0)
  background = publisher.BackgroundPublisher(store)
  start = time.monotonic()
  background.publish(pending, 1)
  assert time.monotonic() - start < 1
  time.sleep(0.1)
  assert reader.take()[0] == 0
  assert reader.take() is None
  pending.finish.set()
  assert reader.wait(5)
  assert reader.take() == (1, pending)
  background.check()


def test_parameters_that_failed_to_compute_are_reported_to_the_learner():
  class Broken:
    def block_until_ready(self):
      raise ValueError('no memory left')

    __jax_array__ = block_until_ready

  background = publisher.BackgroundPublisher(variables.VariableStore())
  background.publish(Broken(), 1)
  deadline = time.monotonic() + 5
  with pytest.raises(RuntimeError, match='no memory left'):
    while time.monotonic() < deadline:
      background.check()
      time.sleep(0.01)
