"""Trajectories that stay on the device are those that come to the host."""

import jax
import numpy as np
import pytest

from attn_agents.learning import batching
from tests import in_process

_LARGE = ('observation', 'behaviour_logits', 'agent_state')
_CONFIG = in_process.catch_config(
  *in_process.NARROWEST,
  'learning.batch_size=4',
  'learning.num_minibatches=4',
  'runtime.envs_per_actor=4',
  'learning.unroll_length=12',
  agent='impala_lstm',
)


def _run(keep_on_device):
  like = in_process.compiled(in_process.InMemory, _CONFIG)
  return in_process.InMemory(_CONFIG, keep_on_device, like)


def _play(keep_on_device, unrolls=3):
  """Unrolls of two actors with the first parameters, actor by actor."""
  run = _run(keep_on_device)
  try:
    actors = [run.make_actor(index) for index in range(2)]
    batches, taken = run.source.batches(), []
    for _ in range(unrolls):
      for actor in actors:
        actor.run_unroll()
        taken += next(batches)
    return taken
  finally:
    run.close()


@pytest.fixture(name='both', scope='module')
def _both():
  return _play(False), _play(True)


def _leaves(trajectories):
  trajectories = [
    # Times are never the same twice.
    t._replace(report=t.report._replace(
      env_seconds=0, inference_seconds=0, queue_seconds=0, total_seconds=0,
    )) for t in trajectories
  ]  # fmt: skip
  return jax.tree_util.tree_leaves_with_path(trajectories)


def test_both_ways_send_the_same_values(both):
  on_host, on_device = both
  assert len(on_host) == len(on_device) == 6
  for (path, a), (_, b) in zip(
    _leaves(on_host), _leaves(on_device), strict=True
  ):
    np.testing.assert_array_equal(a, b, err_msg=str(path))
    assert np.asarray(a).dtype == np.asarray(b).dtype
  # They show something: games went on, and the recurrent state moved.
  assert np.ptp(on_host[-1].unroll.timestep.observation.astype(int)) > 0
  assert any(np.any(x) for x in jax.tree.leaves(on_host[-1].unroll.agent_state))


def test_only_what_is_large_stays_on_the_device(both):
  for trajectory, kind in ((both[0][0], np.ndarray), (both[1][0], jax.Array)):
    for path, leaf in jax.tree_util.tree_leaves_with_path(trajectory.unroll):
      name = jax.tree_util.keystr(path)
      large = any(part in name for part in _LARGE)
      assert isinstance(leaf, kind if large else np.ndarray), name


def test_batches_are_the_same_and_stay_where_their_parts_are(both):
  made = [
    (batching.shard(batching.concatenate(t[:2]), 2), batching.describe(t[:2]))
    for t in both
  ]
  (host, host_info), (device, device_info) = made
  for a, b in zip(jax.tree.leaves(host), jax.tree.leaves(device), strict=True):
    np.testing.assert_array_equal(a, b)
  assert isinstance(device.timestep.observation, jax.Array)
  assert isinstance(host.timestep.observation, np.ndarray)
  assert isinstance(device.timestep.step_type, np.ndarray)
  assert device_info.agent_steps == host_info.agent_steps > 0
  np.testing.assert_array_equal(
    device_info.game_returns, host_info.game_returns
  )


def test_later_steps_do_not_touch_an_unroll_that_was_sent():
  run = _run(keep_on_device=True)
  try:
    actor, batches = run.make_actor(), run.source.batches()
    actor.run_unroll()
    (first,) = next(batches)
    before = jax.tree.map(lambda x: np.array(x, copy=True), first.unroll)
    actor.run_unroll()
    (second,) = next(batches)
    for a, b in zip(
      jax.tree.leaves(before), jax.tree.leaves(first.unroll), strict=True
    ):
      np.testing.assert_array_equal(a, b)
    for a, b in zip(first.unroll.timestep, second.unroll.timestep, strict=True):
      np.testing.assert_array_equal(a[-1], b[0])
  finally:
    run.close()
