"""Checks that every benchmark still runs; says nothing about speed.

    make bench-smoke

All of them run in one process, at toy sizes and for one round, so that JAX is
loaded only once.
"""

import sys
import time
import types
from typing import Any

from absl import flags

from benchmarks import (
  acting,
  data_path,
  frame_packing,
  learner_update,
  peak,
  recurrent_convolution,
  replay,
  runner,
  scaling,
  unpacked_screens,
  whole_system,
)
from launch import command_line

# In an order that fails early, with the agent that compiles fastest.
_AGENT = 'impala_shallow'
_BENCHMARKS: tuple[tuple[types.ModuleType, dict[str, Any]], ...] = (
  (frame_packing, {}),
  (peak, {}),
  (learner_update, {}),
  (recurrent_convolution, {'agent': 's3ta'}),
  (acting, {}),
  (data_path, {}),
  (unpacked_screens, {}),
  (replay, {'agent': 'darqn_soft'}),
  # The next one has a run of the same kind, and they take long to start.
  (whole_system, {'runtimes': []}),
  (scaling, {}),
)


def main() -> int:
  """Runs all, also after one has failed; returns the exit code."""
  failed = []
  for module, changes in _BENCHMARKS:
    name = module.__name__.rpartition('.')[2]
    for flag, value in {'agent': _AGENT, **changes}.items():
      flags.FLAGS[flag].value = value
    start = time.perf_counter()
    if runner.execute(module.make):
      failed.append(name)
    print(f'{name}: {time.perf_counter() - start:.1f} s', flush=True)
  if failed:
    print(f'failed: {", ".join(failed)}', file=sys.stderr)
    return runner.FAILED
  return 0


if __name__ == '__main__':
  sys.exit(command_line.run(main, [*sys.argv, '--smoke']))
