"""Which runs pack, and that they learn from the same bits."""

import time

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.learning import placement, screens
from attn_agents.transport.reverb import transport
from configs import resolution
from tests import in_process

_SETTINGS = (
  'learning.batch_size=8',
  'learning.unroll_length=12',
  'runtime.envs_per_actor=4',
)


def _parts(*settings, agent='s3ta', preset='small'):
  request = resolution.Request(
    agent=agent, preset=preset, settings=list(settings)
  )
  return experiment.Experiment(resolution.resolve(request, 'cpu', 1, 2))


@pytest.mark.parametrize(
  ('agent', 'preset', 'settings', 'on_one_host', 'from_host_to_host'),
  [
    ('s3ta', 'paper', [], True, True),
    ('impala_ff', 'paper', [], True, True),
    ('s3ta', 'small', [], False, True),
    (
      's3ta',
      'small',
      ['environment.height=60', 'environment.width=60'],
      False,
      False,
    ),
    ('drqn', 'paper', [], False, False),
    ('drqn', 'small', ['queue.packing=on'], True, True),
    ('s3ta', 'paper', ['queue.packing=off'], False, False),
    ('s3ta', 'small', ['queue.packing=on'], True, True),
  ],
)
def test_which_runs_pack(
  agent, preset, settings, on_one_host, from_host_to_host
):
  parts = _parts(*settings, agent=agent, preset=preset)
  assert transport.packs(parts, crosses_hosts=False) == on_one_host
  assert transport.packs(parts, crosses_hosts=True) == from_host_to_host


def _learned(packing, unpack_on='host'):
  """Parameters after some updates, and the batches that they are from."""
  run = in_process.InProcess(
    in_process.catch_config(
      *_SETTINGS,
      f'queue.packing={packing}',
      f'queue.unpack_on={unpack_on}',
      agent='impala_shallow',
    )
  )
  devices = jax.local_devices()[:1]
  put, restore = placement.sharder(devices), screens.Restorer(devices).restore
  try:
    assert (run.source._unpacker is not None) == (packing == 'on')
    actor, batches = run.make_actor(), []
    for _ in range(2):
      for _ in range(2):
        actor.run_unroll()
      trajectories = next(run.source.batches())
      assert len(trajectories) == 2
      batch, info = in_process.sharded(trajectories)
      batch = restore(put(batch))
      batches.append(jax.tree.map(np.asarray, batch))
      fetches = actor._variables.fetches
      run.learner.step(batch, info)
      # Otherwise it is a matter of time which unroll new parameters make.
      deadline = time.monotonic() + 30
      while actor._variables.fetches == fetches:
        assert time.monotonic() < deadline, 'no new parameters arrived'
        time.sleep(0.01)
    return run.learner.snapshot().state, batches
  finally:
    run.close()


@pytest.mark.parametrize('unpack_on', ['host', 'device'])
def test_a_run_learns_the_same_bits_packed_or_not(unpack_on):
  state, batches = _learned('off')
  state_packed, batches_packed = _learned('on', unpack_on)
  assert np.ptp(np.asarray(batches[0].timestep.observation)) > 0
  for a, b in zip(
    jax.tree.leaves((batches, state)),
    jax.tree.leaves((batches_packed, state_packed)),
    strict=True,
  ):
    np.testing.assert_array_equal(a, b)
