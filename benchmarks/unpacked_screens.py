"""Times where the screens of packed trajectories are put together.

    python -m benchmarks.unpacked_screens --size=210x160x3

Batches of unrolls of random play in six games, each until its screens are on
the learner's device: put together by the host, or by the device of what changes
(`queue.unpack_on`). On a CPU both are the same cores.
"""

import functools
import sys
from collections.abc import Callable

import jax
import numpy as np

from attn_agents import frame_changes
from attn_agents.learning import placement, screens
from attn_agents.transport import packing, packing_layout
from benchmarks import frame_packing, harness, runner, settings

# Unrolls in a batch, as in that of `paper`.
_ITEMS = 32
_LENGTH = 50
_SECONDS = 2.0


def make() -> harness.Benchmark:
  """Both ways, from what was decompressed to the device."""
  length = settings.UNROLL_LENGTH.value or _LENGTH
  number = 2 if runner.SMOKE.value else _ITEMS
  items, want = _batch(length, number)
  devices = jax.local_devices()[:1]
  ways = {'host': _host(items, devices), 'device': _device(items, devices)}
  for name, way in ways.items():
    if not np.array_equal(way()[0], want):
      raise harness.FailedError(f'the {name} does not give the frames back')
  first = next(iter(ways))
  seconds = settings.seconds(_SECONDS)

  def run(way: Callable[[], jax.Array]) -> None:
    jax.block_until_ready(way())

  return harness.Benchmark(
    title=f'Screens of {number} unrolls put together, {devices[0].platform}',
    unit='agent steps',
    alternatives=[
      harness.Alternative(
        f'by the {name}',
        functools.partial(
          harness.repeat,
          functools.partial(run, way),
          length * number,
          seconds,
        ),
        baseline='' if name == first else f'by the {first}',
      )
      for name, way in ways.items()
    ],
    details={
      'bytes': {
        'host': want.nbytes,
        'device': sum(x.nbytes for x in jax.tree.leaves(_chunks(items))),
      }
    },
  )


def _batch(
  length: int, number: int
) -> tuple[list[frame_changes.Changes], np.ndarray]:
  """What is decompressed of some unrolls, and their screens."""
  played = [x[:, np.newaxis] for x in frame_packing.screens(length)]
  chosen = [played[i % len(played)] for i in range(number)]
  spec = packing_layout.ArraySpec(chosen[0].shape, chosen[0].dtype)
  packer, unpacker = packing.Packer([spec]), packing.Unpacker([spec])
  items = [unpacker.read(packer.pack([x]))[0] for x in chosen]
  return items, np.concatenate(chosen, axis=1)


def _host(
  items: list[frame_changes.Changes], devices: list[jax.Device]
) -> Callable[[], jax.Array]:
  put = placement.sharder(devices)
  joined = frame_changes.Joined(items)
  memory = np.empty(joined.shape, np.uint8)

  def way() -> jax.Array:
    return put(joined.restore(memory)[np.newaxis])

  return way


def _device(
  items: list[frame_changes.Changes], devices: list[jax.Device]
) -> Callable[[], jax.Array]:
  put, restorer = placement.sharder(devices), screens.Restorer(devices)

  def way() -> jax.Array:
    return restorer.restore(put(_chunks(items)))

  return way


def _chunks(items: list[frame_changes.Changes]) -> screens.Chunks | None:
  return screens.split(frame_changes.Joined(items), 1)


if __name__ == '__main__':
  sys.exit(runner.run(make))
