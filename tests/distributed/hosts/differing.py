"""One of two learner hosts; host 1 makes a mistake in its parameters.

python -m tests.distributed.hosts.differing ADDRESS COUNT INDEX FILE

Writes, as JSON, what it ends with, what it has saved, and what it compared.
"""

import dataclasses
import json
import os
import pathlib
import sys
import threading

import jax
import numpy as np

from attn_agents.algorithms import vtrace
from attn_agents.distributed import topology
from attn_agents.distributed.hosts import membership
from attn_agents.learning import (
  batching,
  blindness,
  company,
  joint_learner,
  placement,
  train_state,
  training,
)
from attn_agents.runs import snapshots
from configs import schema
from tests.distributed.hosts import processes, updating
from tests.learning import linear

# Updates without a mistake.
GOOD = 20
_CONFIG = updating.CONFIG


class _Faulty:
  """Makes updates; in one of them, a bit of a parameter flips."""

  def __init__(self, update, index, devices):
    self._update, self._index, self._devices = update, index, devices
    self._updates = 0

  def __call__(self, state, batch):
    state, metrics = self._update(state, batch)
    self._updates += 1
    if self._index == 1 and self._updates == GOOD:
      own = jax.tree.map(np.array, train_state.unreplicate(state))
      first = jax.tree.leaves(own.params)[0]
      first.view(np.uint32).flat[0] ^= 1
      state = train_state.replicate(own, self._devices)
    return state, metrics


class _Feeder:
  def __init__(self, index, devices):
    self._index, self._update = index, 0
    self._devices, self._put = devices, placement.sharder(devices)

  def get(self, timeout):
    del timeout
    self._update += 1
    share = updating.share(self._update, self._index)
    batch = self._put(batching.shard(share, len(self._devices)))
    return batch, updating.info(0, [share])


class _Saver:
  """Takes checkpoints and keeps their numbers."""

  def __init__(self):
    self.updates = []

  def save(self, snapshot):
    self.updates.append(snapshot.counters.learner_steps)
    return True


class _NoSource:
  def stats(self):
    return {}

  def save(self, learner_steps, at_end):
    pass


def main() -> None:
  address, count, index, path = sys.argv[1:]
  count, index = int(count), int(index)
  saver = _Saver()

  def end(cause, failed):
    report = {'cause': cause, 'failed': failed, 'saved': saver.updates}
    pathlib.Path(path).write_text(json.dumps(report))
    os._exit(0)

  logdir = pathlib.Path(path).with_suffix('.run')
  (logdir / 'status').mkdir(parents=True)
  place = topology.Topology(
    str(logdir), '', '', (0,), 1, host_index=index, runtime='threads',
    num_hosts=count, coordinator=address, join_seconds=100.0,
  )  # fmt: skip
  stop = threading.Event()
  hosts = membership.Membership(place, stop, end)
  agent, devices = linear.LinearAgent(), jax.local_devices()
  state = train_state.init_state(agent, _CONFIG, jax.random.key(0))
  start = hosts.hand_over(
    snapshots.Snapshot(jax.tree.map(np.asarray, state), snapshots.Counters())
  )
  update = vtrace.ALGORITHM.make_update(agent, _CONFIG, jax.devices())
  learner = joint_learner.JointLearner(
    _Faulty(update, index, devices), start, updating.Variables(), devices,
    company_=hosts.company, **updating.OPTIONS,
  )  # fmt: skip
  training.Training(
    learner,
    _Feeder(index, devices),
    company.NoMetrics(),
    saver if index == 0 else company.NoCheckpoints(),
    dataclasses.replace(
      schema.RuntimeConfig(), checkpoint_every_seconds=0.1,
      log_every_seconds=1e6,
    ),
    start,
    max_frames=0,
    source=_NoSource(),
    watch=blindness.Watch('policy'),
    report=lambda what: print(what, flush=True),
    company_=hosts.company,
  ).run(stop.is_set)  # fmt: skip


if __name__ == '__main__':
  processes.run(main)
