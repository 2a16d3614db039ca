"""The queues between actors and learner, made alike for measuring."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import NamedTuple

import jax

from attn_agents import types
from attn_agents.transport import interface
from attn_agents.utils import machine
from benchmarks import runner


class Queue(NamedTuple):
  """Both ends of one queue.

  Attributes:
    writer: the actor's.
    batches: the learner's.
    keep_on_device: whether its actors leave unrolls on the learner's device.
  """

  writer: interface.TrajectorySink
  batches: Iterator[list[types.Trajectory]]
  keep_on_device: bool


# From the shapes of an item, the items that the queue holds, and those in a
# batch.
Make = Callable[[types.Trajectory, int, int], Queue]


def _reverb(spec: types.Trajectory, capacity: int, items: int) -> Queue:
  """Reverb in a process of its own, as in a run; within one it sends little."""
  from attn_agents.transport.reverb import queue

  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  # A daemon ends with this process at the latest.
  process = context.Process(
    target=_serve_reverb, args=(spec, capacity, theirs), daemon=True
  )
  process.start()
  address = f'127.0.0.1:{ours.recv()}'
  reader = queue.QueueSource(address, spec, items)
  writer = queue.QueueSink(address, should_stop=lambda: False)
  return Queue(writer, reader.batches(), keep_on_device=False)


def _in_memory(spec: types.Trajectory, capacity: int, items: int) -> Queue:
  """The queue of the runtime of one process."""
  from attn_agents.transport.threads import queue

  both = queue.TrajectoryQueue(spec, capacity, items, lambda: False)
  return Queue(both, both.batches(), keep_on_device())


def _serve_reverb(
  spec: types.Trajectory, capacity: int, pipe: connection.Connection
) -> None:
  from attn_agents.transport.reverb import servers

  server = servers.queue_server(spec, capacity)
  pipe.send(server.port)
  server.wait()


def available() -> tuple[dict[str, Make], dict[str, str]]:
  """The queues that can run here by name, and why others cannot."""
  why = ''
  if runner.SMOKE.value:
    # Its processes take longer to start than a smoke test may last.
    why = 'left out of --smoke'
  elif 'Reverb' in machine.missing_libraries():
    why = 'not installed'
  if why:
    return {'in memory': _in_memory}, {'reverb': why}
  return {'reverb': _reverb, 'in memory': _in_memory}, {}


def keep_on_device() -> bool:
  """Whether actors that are threads beside the learner share its device."""
  return jax.default_backend() != 'cpu'
