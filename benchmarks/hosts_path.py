"""The processes of `between_hosts.py`, each started on its host."""

import pathlib
import pickle
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import addresses, start
from benchmarks import cable, line_process, role_memory

_QUEUE = 'queue'
# Items that wait between writers and reader, and those that are taken at once.
_CAPACITY, BATCH = 8, 4
DIRECT, RELAY = 'direct', 'relay'
# Whose memory settings the functions below have. The process that starts a
# run's servers starts its relays, too.
_RUN_ROLES = {
  'serve': 'reverb',
  'read': 'learner',
  'write': 'actor',
  'relay': 'reverb',
}


def start_process(
  host: cable.Host, name: str, *args: object
) -> line_process.Process:
  """One of the functions below, as a process of a host.

  Raises:
    harness.FailedError: it ended instead of being ready.
  """
  module = [sys.executable, '-m', 'benchmarks.hosts_path', name]
  return line_process.Process(
    name,
    [*host.prefix(), *module, *map(str, args)],
    role_memory.variables(line_process.ROOT, _RUN_ROLES[name]),
  )


def _items(path: str) -> dict[str, Any]:
  # Written by the parent a moment ago.
  return pickle.loads(pathlib.Path(path).read_bytes())


def serve(items: str) -> None:
  """Reverb's queue, on every interface of its host; tells its port."""
  from attn_agents.transport.reverb import servers

  spec = next(iter(_items(items).values()))
  server = servers.queue_server(spec, _CAPACITY)
  line_process.answer(server.port)
  sys.stdin.read()


def read(items: str, port: str) -> None:
  """The learner's end: takes as many items as a line says; tells seconds."""
  from attn_agents.transport.reverb import queue

  spec = next(iter(_items(items).values()))
  batches = queue.QueueSource(f'127.0.0.1:{port}', spec, BATCH).batches()
  line_process.answer('ready')
  for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(int(line)):
      next(batches)
    line_process.answer(time.perf_counter() - begin)


def write(items: str, number: str, direct: str, relayed: str) -> None:
  """The actors' end: puts in items of a kind, by a way, so many times."""
  from attn_agents.transport.reverb import queue

  kinds = _items(items)
  targets = {DIRECT: direct, RELAY: relayed}
  sinks = {
    way: [queue.QueueSink(address, lambda: False) for _ in range(int(number))]
    for way, address in targets.items()
  }
  line_process.answer('ready')

  def insert(sink: queue.QueueSink, kind: str, times: int) -> None:
    for _ in range(times):
      sink.insert(kinds[kind])

  for line in sys.stdin:
    way, kind, times = line.split()
    threads = [
      threading.Thread(target=insert, args=(sink, kind, int(times)))
      for sink in sinks[way]
    ]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    line_process.answer('written')


def relay(role: str, logdir: str, address: str, port: str = '') -> None:
  """One end of the relay; tells the address of its inner side."""
  if role == run_key.LEARNER:
    end = start.learner_end(
      addresses.listen(address),
      run_key.make_or_load(logdir),
      {_QUEUE: f'127.0.0.1:{port}'},
      f'{logdir}/{role}',
    )
  else:
    key = run_key.load(run_key.paths(logdir)[run_key.ACTOR], run_key.ACTOR)
    end = start.actor_end(address, key, [_QUEUE], f'{logdir}/{role}')
  line_process.answer({'address': end.local(_QUEUE), 'pids': [end.process.pid]})
  sys.stdin.read()
  end.close()


_ROLES: dict[str, Callable[..., None]] = {
  'serve': serve,
  'read': read,
  'write': write,
  'relay': relay,
}

if __name__ == '__main__':
  _ROLES[sys.argv[1]](*sys.argv[2:])
