"""One of several learner hosts: makes updates on made-up unrolls.

python -m tests.distributed.hosts.updating ADDRESS COUNT INDEX FILE

Writes its parameters and counters. With a COUNT of 1 it is a run on one host,
which feeds what all hosts would.
"""

import sys
from typing import Any

import jax
import numpy as np
from jax import flatten_util

from attn_agents import types
from attn_agents.algorithms import vtrace
from attn_agents.distributed.hosts import joining
from attn_agents.learning import (
  batching,
  joint_learner,
  learner,
  placement,
  train_state,
)
from attn_agents.runs import snapshots
from configs import schema
from configs.agents import s3ta
from tests.distributed.hosts import processes
from tests.learning import linear

UPDATES = 4
# Of a `Learner` that publishes each update and measures nothing.
OPTIONS: dict[str, Any] = {
  'action_repeat': 4, 'publish_every_updates': 1, 'synchronous': False,
  'max_seconds': 0.0, 'to_publish': lambda params, agent_steps: params,
  'measure': lambda params, batch: {},
}  # fmt: skip
CONFIG = schema.Config(
  agent='linear', preset='small', network=s3ta.S3TAConfig(), algorithm='vtrace',
  learning=vtrace.VTraceConfig(unroll_length=linear.T, batch_size=2 * linear.B),
  optimizer=schema.OptimizerConfig(learning_rate=0.01, clip_threshold=9.0),
)  # fmt: skip


class Variables:
  def publish(self, values, version):
    pass


class _Company:
  """Wishes to save in update 2, on host 0; to stop in update 3, on host 1.

  Hears of both on all.
  """

  leads = True

  def __init__(self, index):
    self.index, self.updates, self.heard, self.saves = index, 0, [], []

  def wishes_to_stop(self):
    self.updates += 1
    return self.index == 1 and self.updates == UPDATES - 1

  def hear_wish(self):
    self.heard.append(self.updates)

  def wishes_to_save(self):
    return self.index == 0 and self.updates == 2

  def hear_save(self, update):
    self.saves.append((update, self.updates))


def share(update, host):
  """What a host feeds in an update; of the last, host 1 feeds nothing."""
  unroll = linear.make_unroll(10 * update + host)
  if host == 0:
    # Hosts have different numbers of transitions.
    unroll.timestep.step_type[3, 1] = types.StepType.FIRST
  if host == 1 and update == UPDATES - 1:
    unroll.timestep.step_type[:] = types.StepType.FIRST
  return unroll


def info(update, shares):
  steps = sum(types.num_agent_steps(x.timestep.step_type) for x in shares)
  games = np.zeros(update * len(shares))
  return batching.BatchInfo(
    steps, np.zeros(0), games, games, games, np.zeros(0, int), np.zeros(4)
  )


def _join(shares):
  def join(axis, trees):
    return jax.tree.map(lambda *x: np.concatenate(x, axis), *trees)

  last = [x.agent_state for x in shares]
  rest = [x[:-1] for x in shares]
  return types.Unroll(*join(1, rest), join(0, last))


def main() -> None:
  address, count, index, path = sys.argv[1:]
  count, index = int(count), int(index)
  if count > 1:
    joining.join(address, count, index, 100.0)
  agent = linear.LinearAgent()
  state = train_state.init_state(agent, CONFIG, jax.random.key(0))
  state = jax.tree.map(np.asarray, state)
  if count > 1:
    # Of host 1 it is another one, and must not matter.
    mine = jax.tree.map(lambda x: x + x.dtype.type(index), state)
    given = joining.hand_over(mine)
    jax.tree.map(np.testing.assert_array_equal, given, state)
    assert jax.tree.map(np.shape, given) == jax.tree.map(np.shape, state)
  company, devices = _Company(index), jax.local_devices()
  args = (
    vtrace.ALGORITHM.make_update(agent, CONFIG, jax.devices()),
    snapshots.Snapshot(state, snapshots.Counters()),
    Variables(),
    devices,
  )
  if count > 1:
    made = joint_learner.JointLearner(*args, company_=company, **OPTIONS)
  else:
    made = learner.Learner(*args, **OPTIONS)
  put = placement.sharder(devices)
  for update in range(UPDATES):
    shares = [share(update, host) for host in range(2)]
    if count > 1:
      shares = [shares[index]]
    batch = put(batching.shard(_join(shares), len(devices)))
    made.step(batch, info(update, shares))
  end = made.snapshot()
  np.savez(
    path,
    state=flatten_util.ravel_pytree(end.state)[0],
    heard=company.heard,
    saves=company.saves,
    counters=[
      *(end.counters.agent_steps, end.counters.frames),
      *(end.counters.games, end.counters.learner_steps, end.state.agent_steps),
    ],
  )


if __name__ == '__main__':
  processes.run(main)
