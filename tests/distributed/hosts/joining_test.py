"""What JAX is told, by a JAX that does not join anything."""

import socket
import threading
import types as stdlib_types

import jax
import numpy as np
import pytest
from jax._src import distributed
from jax.experimental import multihost_utils

from attn_agents.distributed.hosts import joining, store


class _State:
  """JAX's, which remembers what it was asked."""

  def __init__(self, end):
    self.asked, self._end, self.client = [], end, 'client'

  def initialize(
    self,
    heartbeat_timeout_seconds=0,
    coordinator_address='',
    **options,
  ):
    self.asked.append((coordinator_address, heartbeat_timeout_seconds, options))
    self._end()


@pytest.fixture(name='join')
def _join(monkeypatch):
  def join(end, seconds=5.0):
    state = _State(end)
    monkeypatch.setattr(distributed, 'global_state', state)
    monkeypatch.setattr(store, 'outlast_aborts', lambda: None)
    monkeypatch.setattr(joining, '_announce', announced.append)
    return joining.join('127.0.0.1:7', 2, 1, seconds), state

  announced = []
  join.announced = announced
  return join


def test_a_host_joins_with_its_number_and_its_own_address(join):
  words, state = join(lambda: None)
  options = {
    'num_processes': 2, 'process_id': 1, 'initialization_timeout': 6,
    'cluster_detection_method': 'deactivate',
    'coordinator_bind_address': '127.0.0.1:7',
  }  # fmt: skip
  # Ours tell sooner who is lost.
  assert state.asked == [('127.0.0.1:7', 100, options)]
  assert (words._client, words._index) == ('client', 1)
  assert join.announced == ['127.0.0.1']
  # JAX's own would replace our handler of SIGTERM; Orbax asks it.
  assert state.initialize_preemption_sync_manager() is None
  assert state.preemption_sync_manager.reached_sync_point(3) is False


def test_hosts_that_do_not_come_are_missed(join):
  never = threading.Event()
  with pytest.raises(joining.AbsentError) as caught:
    join(lambda: never.wait(20), 0.05)
  never.set()
  assert str(caught.value) == (
    'of 2 learner hosts not all came to 127.0.0.1:7 within 0.05 s'
  )


def test_what_jax_refuses_is_said(join):
  def refuse():
    raise ValueError('port in use')

  with pytest.raises(RuntimeError, match='cannot join the hosts: port in use'):
    join(refuse)


def test_heartbeats_have_the_names_of_this_jax():
  def older(service_heartbeat_interval_seconds, client_max_missing_heartbeats):
    pass

  assert joining._heartbeats(older) == {
    'service_heartbeat_interval_seconds': 10,
    'client_max_missing_heartbeats': 10,
  }
  known = joining._heartbeats(distributed.State.initialize)
  # Enough to last as long as ours under either name.
  seconds = known.get('heartbeat_timeout_seconds')
  assert (
    seconds == 100
    or known['client_heartbeat_interval_seconds']
    * known['client_max_missing_heartbeats']
    == 100
  )


@pytest.mark.parametrize(
  ('listens', 'own'), [('127.0.0.1', '127.0.0.1'), ('[::1]', '::1')]
)
def test_an_address_is_the_one_that_leads_to_the_coordinator(listens, own):
  if own == '::1' and not socket.has_ipv6:
    pytest.skip('no IPv6')
  assert joining.own_address(f'{listens}:7') == own


def test_collectives_listen_where_others_see_this_host(monkeypatch):
  from jax._src.lib import xla_client

  made = []
  module = stdlib_types.SimpleNamespace(
    make_gloo_tcp_collectives=lambda **options: made.append(options)
  )
  monkeypatch.setattr(xla_client, '_xla', module)
  joining._announce('10.0.0.1')
  module.make_gloo_tcp_collectives(distributed_client=1)
  assert made == [{'hostname': '10.0.0.1', 'distributed_client': 1}]


def test_what_takes_too_long_goes_on_without_us():
  ended = threading.Event()
  assert store.within(5.0, lambda: None) is True
  assert store.within(0.01, lambda: ended.wait(20)) is False
  assert store.within(-1.0, lambda: ended.wait(20)) is False
  left = [x for x in threading.enumerate() if x.name == 'connecting']
  # They do not keep the process.
  assert left and all(x.daemon for x in left)
  ended.set()
  with pytest.raises(KeyError):
    store.within(5.0, lambda: {}['gone'])


def test_arrays_are_handed_over_bit_by_bit(monkeypatch):
  """Whatever they take beside whole words, and whatever their type."""
  handed = []

  def broadcast(words):
    # As collectives do, which sum.
    assert words.dtype == np.uint32
    handed.append(words.size)
    return words + np.zeros_like(words)

  monkeypatch.setattr(multihost_utils, 'broadcast_one_to_all', broadcast)
  tree = {
    'a': np.float32([[1.5, -0.0], [np.nan, 2.0]]), 'b': np.int8([1, -2, 3]),
    'c': (np.float64(0.1), np.bool_([True, False])), 'd': np.zeros((0, 3)),
  }  # fmt: skip
  found = joining.hand_over(tree)
  # 16, 3, 8 and 2 bytes.
  assert handed == [8]
  leaves, structure = jax.tree.flatten(tree)
  others, same = jax.tree.flatten(found)
  assert same == structure
  for ours, theirs in zip(leaves, others, strict=True):
    assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape)
    assert theirs.tobytes() == ours.tobytes()
    # For whoever learns to write to.
    assert theirs.flags.writeable
