"""What `packed_queue.py` measures: one way from actors to learner."""

import contextlib
import pathlib
import sys
from typing import NamedTuple

from attn_agents.distributed import run_key
from benchmarks import (
  cable,
  harness,
  hosts_path,
  line_process,
  packed_queue_ends,
  role_memory,
)

# What runs at a time.
BOTH, LEARNER, RELAYED = 'both ends', 'learner host', 'both ends, relayed'

_PORT = 7000
# Of `packed_queue_ends`: the queue of a run, and the one to be filled.
_RUN, _FILLED = 0, 1
# Roles of `packed_queue_ends`, and of a run.
_ROLES = {'serve': 'reverb', 'read': 'learner', 'write': 'actor'}


class Way(NamedTuple):
  """How trajectories are sent.

  Attributes:
    name: of it.
    packed: whether they are packed.
    root: of the checkout whose `attn_agents` sends them.
    unpack_on: 'host' or 'device', as `queue.unpack_on`.
  """

  name: str
  packed: bool
  root: pathlib.Path
  unpack_on: str = 'host'


class Path:
  """The processes of one way.

  Attributes:
    costs: for each kind of measurement, what each process took of a core, in
      microseconds per agent step, and the bytes that the cable carried.
  """

  def __init__(
    self,
    stack: contextlib.ExitStack,
    hosts: tuple[cable.Host, cable.Host],
    way: Way,
    items: pathlib.Path,
    steps: int,
    writers: int,
  ):
    """Starts them.

    Args:
      stack: ends them.
      hosts: the learner's and the actors'.
      way: what they do.
      items: the file of trajectories.
      steps: agent steps in one of them.
      writers: at a time.
    """
    self._stack, self._way, self._items = stack, way, items
    self._steps = steps * packed_queue_ends.ITEMS_PER_BATCH
    self._number = writers
    self._host, actors = hosts
    server = self._start(
      self._host, 'serve', 'packed' if way.packed else 'as is'
    )
    self._ports = server.ready
    reader = self._start(self._host, 'read', way.unpack_on, *self._ports)
    addresses = [f'{self._host.address}:{port}' for port in self._ports]
    self._writers = {
      BOTH: self._start(actors, 'write', self._number, *addresses)
    }
    self._writers[LEARNER] = self._writers[BOTH]
    self._reader = reader
    self._parts = {'reverb': server, 'learner': reader}
    self.costs: dict[str, list[dict[str, float]]] = {}

  def relay(self, actors: cable.Host, directory: pathlib.Path) -> None:
    """Also lets trajectories go through the relay, from other writers."""
    run_key.make_or_load(directory)
    address = f'{self._host.address}:{_PORT}'
    arguments = (
      (self._host, run_key.LEARNER, directory, address, self._ports[_RUN]),
      (actors, run_key.ACTOR, directory, address),
    )
    relays = []
    for host, *rest in arguments:
      relays.append(hosts_path.start_process(host, 'relay', *rest))
      self._stack.callback(relays[-1].close)
    self._writers[RELAYED] = self._start(
      actors, 'write', self._number, relays[1].ready['address']
    )
    self._parts['relay of the learner host'] = relays[0]

  def run(self, what: str, seconds: float) -> harness.Measurement:
    """Measures for so long at least; its units are agent steps."""
    writer = self._writers[what]
    parts = {**self._parts, 'actors': writer}
    before = {name: x.core_seconds() for name, x in parts.items()}
    sent = writer.ask(f'{_RUN} 0')
    passed, batches = 0.0, 0
    while passed < seconds or not batches:
      if what == LEARNER:
        passed += self._drain(writer)
      else:
        writer.tell(f'{_RUN} {packed_queue_ends.BATCHES_FILLED}')
        passed += self._read(_RUN)
        writer.hear()
      batches += packed_queue_ends.BATCHES_FILLED
    steps = batches * self._steps
    cost = {
      name: 1e6 * (x.core_seconds() - before[name]) / steps
      for name, x in parts.items()
    }
    cost['bytes'] = (writer.ask(f'{_RUN} 0') - sent) / steps
    self.costs.setdefault(what, []).append(cost)
    return harness.Measurement(steps, passed)

  def _drain(self, writer: line_process.Process) -> float:
    writer.ask(f'{_FILLED} {packed_queue_ends.BATCHES_FILLED}')
    return self._read(_FILLED)

  def _read(self, queue: int) -> float:
    return float(
      self._reader.ask(f'{queue} {packed_queue_ends.BATCHES_FILLED}')
    )

  def _start(
    self, host: cable.Host, role: str, *args: object
  ) -> line_process.Process:
    script = [sys.executable, packed_queue_ends.__file__]
    made = line_process.Process(
      f'{role} ({self._way.name})',
      [*host.prefix(), *script, role, str(self._items), *map(str, args)],
      {
        'PYTHONPATH': str(self._way.root),
        **role_memory.variables(self._way.root, _ROLES[role]),
      },
    )
    self._stack.callback(made.close)
    return made
