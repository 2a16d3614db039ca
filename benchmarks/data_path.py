"""Times the data path hop by hop, from emulator to the learner's device.

    python -m benchmarks.data_path --size=210x160x3

A random policy takes the place of the network, so that only moving unrolls is
measured: environment, actor, queue, feeder, and all of them together. The
ceiling is a plain copy of the same bytes from array to array.
"""

import sys

from absl import flags

from attn_agents.environments import registry as environments
from benchmarks import data_hops, frame_sizes, harness, queues, runner, settings

_ITEMS = flags.DEFINE_integer('items', 8, 'Unrolls in the queue per batch.', 1)
_ENVS = flags.DEFINE_integer(
  'envs', 1, 'Environments that make one unroll together.', 1
)

_LENGTH = 50
_SECONDS = 1.0


def make() -> harness.Benchmark:
  """All hops, and the whole way through every queue that can run here."""
  sizes = [
    f'learning.unroll_length={settings.UNROLL_LENGTH.value or _LENGTH}',
    f'learning.batch_size={_ENVS.value * _ITEMS.value}',
    f'runtime.envs_per_actor={_ENVS.value}',
    *frame_sizes.settings(),
  ]
  if runner.SMOKE.value:
    sizes = ['runtime.envs_per_actor=1']
  config = settings.config(*sizes)
  shape = environments.spec(config.environment).observation_shape
  makers, skipped = queues.available()
  hops = data_hops.Hops(config, settings.seconds(_SECONDS))
  runs = {
    'environment': hops.environment(),
    'environment, actor': hops.actor(),
    **{f'queue, {name}': hops.queue(make) for name, make in makers.items()},
    'feeder, device': hops.feeder(),
    **{f'whole, {name}': hops.whole(make) for name, make in makers.items()},
  }
  # These pass on what is not copied, or not on the host.
  unbounded = {'queue, in memory'}
  if queues.keep_on_device():
    unbounded.add('feeder, device')
  return harness.Benchmark(
    title=f'Data path: unrolls of {config.learning.unroll_length} x '
    f'{config.runtime.envs_per_actor} x '
    f'{"x".join(map(str, shape))}, {hops.megabytes:.3g} MB each',
    unit='unrolls',
    alternatives=[
      harness.Alternative(
        name, run, hops.megabytes, is_bounded=name not in unbounded
      )
      for name, run in runs.items()
    ],
    cost_unit='MB',
    ceiling=harness.Alternative('copy from array to array', hops.copy(), 1.0),
    skipped=skipped,
    details={'megabytes_per_unroll': hops.megabytes},
  )


if __name__ == '__main__':
  sys.exit(runner.run(make))
