"""The queues between actors and learner, made alike for measuring."""

import importlib.util
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import NamedTuple

from attn_agents import types
from attn_agents.acting import actor
from benchmarks import harness


class Queue(NamedTuple):
  """Both ends of one queue."""

  writer: actor.TrajectorySink
  batches: Iterator[list[types.Trajectory]]


# From the shapes of an item, the items that the queue holds, and those in a
# batch.
Make = Callable[[types.Trajectory, int, int], Queue]


def _reverb(spec: types.Trajectory, capacity: int, items: int) -> Queue:
  """Reverb in a process of its own, as in a run; within one it sends little."""
  from attn_agents.replay import queue

  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  # A daemon ends with this process at the latest.
  process = context.Process(
    target=_serve_reverb, args=(spec, capacity, theirs), daemon=True
  )
  process.start()
  address = f'127.0.0.1:{ours.recv()}'
  reader = queue.QueueReader(address, spec, items)
  return Queue(
    queue.QueueWriter(address, should_stop=lambda: False), reader.batches()
  )


def _in_memory(spec: types.Trajectory, capacity: int, items: int) -> Queue:
  """The queue of the runtime of one process."""
  from attn_agents.in_memory import queue

  both = queue.TrajectoryQueue(spec, capacity, items, lambda: False)
  return Queue(both, both.batches())


def _serve_reverb(
  spec: types.Trajectory, capacity: int, pipe: connection.Connection
) -> None:
  from attn_agents.replay import servers

  server = servers.queue_server(spec, capacity)
  pipe.send(server.port)
  server.wait()


# Each with the package that it cannot do without.
_MAKERS: dict[str, tuple[Make, str]] = {
  'reverb': (_reverb, 'reverb'),
  'in memory': (_in_memory, 'attn_agents.in_memory'),
}


def available() -> tuple[dict[str, Make], dict[str, str]]:
  """The queues that can run here by name, and why others cannot."""
  makers, missing = {}, {}
  for name, (make, package) in _MAKERS.items():
    # Its processes take longer to start than a smoke test may last.
    if harness.SMOKE.value and name == 'reverb':
      missing[name] = 'left out of --smoke'
    elif importlib.util.find_spec(package):
      makers[name] = make
    else:
      missing[name] = f'{package} not installed'
  return makers, missing
