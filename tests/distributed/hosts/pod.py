"""One of several learner hosts with eight devices each: updates of S3TA.

python -m tests.distributed.hosts.pod ADDRESS COUNT INDEX FILE

Writes its parameters. With a COUNT of 1 it is one device that gets all.
"""

import sys

import jax
import numpy as np
from jax import flatten_util

from attn_agents import experiment, types
from attn_agents.distributed.hosts import joining
from attn_agents.learning import batching, placement, train_state
from configs import resolution
from configs.agents import s3ta
from tests.distributed.hosts import processes

HOSTS, DEVICES, UPDATES = 4, 8, 2
_LENGTH = 4


def _config():
  request = resolution.Request(
    agent='s3ta', game='catch', preset='small', algorithm='vtrace',
    runtime='threads', settings=[
      *s3ta.S3TAConfig.quick_settings,
      'optimizer.name=rmsprop',
      'optimizer.learning_rate=0.01',
      f'learning.unroll_length={_LENGTH}',
      f'learning.batch_size={HOSTS * DEVICES}',
    ],
  )  # fmt: skip
  return resolution.resolve(request, 'cpu', HOSTS * DEVICES, cores=2)


def _unroll(made, update):
  """The whole batch of an update."""
  rng = np.random.default_rng(update)
  spec, b = made.environment_spec, HOSTS * DEVICES
  rows, a = (_LENGTH + 1, b), spec.num_actions
  return types.Unroll(
    types.TimeStep(
      rng.integers(256, size=(*rows, *spec.observation_shape), dtype=np.uint8),
      rng.normal(size=rows).astype(np.float32),
      np.ones(rows, np.float32),
      np.ones(rows, np.int8),
    ),
    rng.integers(a, size=(_LENGTH, b), dtype=np.int32),
    rng.normal(size=(_LENGTH, b, a)).astype(np.float32),
    jax.tree.map(np.asarray, made.agent.initial_state(b)),
  )


def _share(unroll, index, count):
  size = unroll.action.shape[1] // count
  mine = slice(index * size, (index + 1) * size)
  rest = jax.tree.map(lambda x: x[:, mine], unroll[:-1])
  return types.Unroll(*rest, jax.tree.map(lambda x: x[mine], unroll[-1]))


def main() -> None:
  address, count, index, path = sys.argv[1:]
  count, index = int(count), int(index)
  if count > 1:
    joining.join(address, count, index, 200.0)
    assert len(jax.devices()) == count * DEVICES
  config, devices = _config(), jax.local_devices()
  made = experiment.Experiment(config, num_hosts=count)
  update = made.algorithm.make_update(made.agent, config, jax.devices())
  first = train_state.init_state(made.agent, config, jax.random.key(0))
  state, put = train_state.replicate(first, devices), placement.sharder(devices)
  for number in range(UPDATES):
    mine = _share(_unroll(made, number), index, count)
    state, _ = update(state, put(batching.shard(mine, len(devices))))
  own = train_state.unreplicate(state)
  np.savez(
    path,
    before=flatten_util.ravel_pytree(first.params)[0],
    after=flatten_util.ravel_pytree(own.params)[0],
  )


if __name__ == '__main__':
  processes.run(main)
