"""A learner measures a part of a batch, of its first device.

Run as a program, this file measures with two devices: their number is fixed
when JAX starts.
"""

import jax
import numpy as np

from attn_agents import types
from attn_agents.algorithms import registry
from attn_agents.learning import (
  batching,
  learner,
  placement,
  sight,
  train_state,
)
from attn_agents.runs import snapshots
from tests.learning import known, two_devices


class _Publisher:
  def publish(self, values, version):
    """Nobody is told."""


def _learner(devices):
  state = train_state.TrainState(known.PARAMS, (), (), np.int32(0), np.int32(0))
  return learner.Learner(
    lambda state, batch: (state, {}),
    snapshots.Snapshot(state=state, counters=snapshots.Counters()),
    _Publisher(),
    devices,
    action_repeat=4,
    publish_every_updates=1,
    synchronous=False,
    max_seconds=0.0,
    to_publish=lambda params, agent_steps: params,
    measure=sight.of_batches(
      known.Agent(known.seeing), registry.get('vtrace').rows
    ),
  )


def _unroll(rows):
  timestep, action, before = rows
  logits = np.zeros((*action.shape, known.A), np.float32)
  return types.Unroll(timestep, action, logits, before)


def _measure_batch(rows, devices):
  batch = batching.shard(_unroll(rows), len(devices))
  return _learner(devices).measure(placement.sharder(devices)(batch))


def test_a_learner_measures_some_rows_of_some_environments():
  num_rows, num_envs = sight.MAX_ROWS, sight.MAX_ENVIRONMENTS
  rows = known.make_rows(batch=num_envs + 3, rows=num_rows + 2)
  found = _measure_batch(rows, jax.local_devices()[:1])
  screens = rows[0].observation[:num_rows, :num_envs, 0, 0, 0] / 255.0
  np.testing.assert_allclose(
    found['value_deviation'], 5.0 * np.std(screens), rtol=1e-5
  )
  assert all(isinstance(value, float) for value in found.values())


def _measure_with_two_devices():
  devices = jax.local_devices()
  assert len(devices) == 2
  rows = known.make_rows()
  found = _measure_batch(rows, devices)
  # The first device's share is the first half of the environments.
  first = rows[0].observation[:, : known.B // 2, 0, 0, 0] / 255.0
  np.testing.assert_allclose(
    found['value_deviation'], 5.0 * np.std(first), rtol=1e-5
  )


def test_of_two_devices_the_first_measures_its_share():
  two_devices.run('-m', 'tests.learning.sight_of_batches_test')


if __name__ == '__main__':
  _measure_with_two_devices()
