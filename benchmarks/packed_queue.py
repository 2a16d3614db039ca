"""Times the queue between processes, packed and as it is, with real screens.

    python -m benchmarks.packed_queue --size=210x160x3 --rounds=5
    python -m benchmarks.packed_queue --before=/path/to/a/worktree

Trajectories of random play go from actors' ends through Reverb to the learner's
end, which joins them into batches. `packed for devices` are those whose screens
the learner's devices put together, which `unpacked_screens` times. The hosts
are network namespaces on a cable (root, Linux), and everything has the same two
cores. Once both ends run at a time; once the queue is filled beforehand, and
only what a learner host does is timed.

Where other work takes time from both, what processes take of a core says more
than rates do; it is printed, too. That of a learner host has what it takes to
receive trajectories in it.
"""

import contextlib
import functools
import os
import pathlib
import pickle
import statistics
import sys
import tempfile
from collections.abc import Sequence

import jax
import numpy as np
from absl import flags

from attn_agents import experiment, types
from attn_agents.transport import packing, packing_layout
from benchmarks import (
  cable,
  frame_packing,
  frame_sizes,
  harness,
  line_process,
  other_checkout,
  packed_queue_path,
  runner,
  settings,
)

_WRITERS = flags.DEFINE_integer('writers', 2, 'Writers at a time.', 1, 8)
_SECONDS = flags.DEFINE_float('seconds', 1.5, 'Least of one measurement.', 0.0)
_RELAYED = flags.DEFINE_bool(
  'relayed', False, 'Packed trajectories also go through the relay.'
)

_CORES = 2
_LENGTH = 50


def make(stack: contextlib.ExitStack) -> harness.Benchmark:
  """Every way, both ends and the learner host alone.

  Args:
    stack: ends what it starts.
  """
  ways = _ways()
  # The processes inherit it.
  os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])
  directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
  items = _items()
  length, envs = items[0].unroll.action.shape
  file = directory / 'items'
  fields = {
    name: x._fields for name, x in vars(types).items() if hasattr(x, '_fields')
  }
  file.write_bytes(pickle.dumps(fields) + pickle.dumps(items))
  try:
    hosts = stack.enter_context(cable.two_hosts())
  except cable.UnavailableError as error:
    raise harness.FailedError(str(error)) from None
  made = {
    way.name: packed_queue_path.Path(
      stack, hosts, way, file, length * envs, _WRITERS.value
    )
    for way in ways
  }
  kinds = [
    (name, what)
    for what in (packed_queue_path.BOTH, packed_queue_path.LEARNER)
    for name in made
  ]
  if _RELAYED.value:
    made['packed'].relay(hosts[1], directory)
    kinds.append(('packed', packed_queue_path.RELAYED))
  # Connections and buffers are made before the first round.
  for name, what in kinds:
    made[name].run(what, 0)
    made[name].costs.clear()
  first = next(iter(made))
  return harness.Benchmark(
    title=_title(items),
    unit='agent steps',
    alternatives=[
      harness.Alternative(
        f'{what}, {name}',
        functools.partial(
          made[name].run, what, settings.seconds(_SECONDS.value)
        ),
        baseline=_baseline(name, what, first),
      )
      for name, what in kinds
    ],
    details={
      'writers': _WRITERS.value,
      'costs': {name: path.costs for name, path in made.items()},
    },
    notes=lambda: [
      _note(what, name, made[name].costs[what]) for name, what in kinds
    ],
  )


def _ways() -> list[packed_queue_path.Way]:
  ways = [
    packed_queue_path.Way('as is', False, line_process.ROOT),
    packed_queue_path.Way('packed', True, line_process.ROOT),
    packed_queue_path.Way(
      'packed for devices', True, line_process.ROOT, unpack_on='device'
    ),
  ]
  root = other_checkout.root()
  return [packed_queue_path.Way('before', False, root), *ways] if root else ways


def _baseline(name: str, what: str, first: str) -> str:
  if what == packed_queue_path.RELAYED:
    return f'{packed_queue_path.BOTH}, {name}'
  return '' if name == first else f'{what}, {first}'


def _note(what: str, name: str, costs: Sequence[dict[str, float]]) -> str:
  """What was taken, as medians over the rounds."""
  cost = {x: statistics.median(y[x] for y in costs) for x in costs[0]}
  sent = cost.pop('bytes')
  whole = sum(x for part, x in cost.items() if part != 'actors')
  parts = ', '.join(f'{part} {x:.1f}' for part, x in cost.items())
  return (
    f'{what}, {name}: {sent:,.0f} bytes on the cable per agent step; '
    f'microseconds of a core per agent step: {parts}; learner host {whole:.1f}'
  )


def _title(items: Sequence[types.Trajectory]) -> str:
  leaves = [jax.tree.leaves(x) for x in items]
  specs = [packing_layout.ArraySpec(x.shape, x.dtype) for x in leaves[0]]
  packer = packing.Packer(specs)
  before = sum(x.nbytes for x in leaves[0])
  after = statistics.mean(len(packer.pack(x)) for x in leaves)
  return (
    f'Trajectories of {before:,} bytes, packed {after:,.0f}: '
    f'{before / after:.0f} times fewer'
  )


def _items() -> list[types.Trajectory]:
  """Trajectories that show all games, of one environment each."""
  config = settings.config(
    f'learning.unroll_length={settings.UNROLL_LENGTH.value or _LENGTH}',
    'runtime.envs_per_actor=1',
    *frame_sizes.settings(),
  )
  spec = experiment.Experiment(config).trajectory_spec()
  rng = np.random.default_rng(0)
  length = spec.unroll.action.shape[0]
  items = []
  for screens in frame_packing.screens(length):
    noise = jax.tree.map(functools.partial(_noise, rng), spec)
    timestep = noise.unroll.timestep._replace(
      observation=screens[:, np.newaxis],
      # No game ends in it.
      step_type=np.full((length + 1, 1), types.StepType.MID, np.int8),
    )
    unroll = noise.unroll._replace(timestep=timestep)
    items.append(noise._replace(unroll=unroll))
  return items


def _noise(rng: np.random.Generator, spec: jax.ShapeDtypeStruct) -> np.ndarray:
  # As states and logits are: nothing that packs well.
  return np.asarray(rng.normal(size=spec.shape)).astype(spec.dtype)


if __name__ == '__main__':
  with contextlib.ExitStack() as processes:
    code = runner.run(lambda: make(processes))
  sys.exit(code)
