"""The processes of `packed_queue.py`, also as another commit would run them.

A script, so that PYTHONPATH says whose `attn_agents` it measures; it uses of it
only what commits without packing have, too. Its items are made by
`packed_queue.py` a moment before.
"""

import json
import pathlib
import pickle
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ITEMS_PER_BATCH = 32
# Of a queue that is filled before it is read.
BATCHES_FILLED = 2
# In items: as in a run, and of that one.
_CAPACITIES = (ITEMS_PER_BATCH, ITEMS_PER_BATCH * BATCHES_FILLED)


def _answer(value: Any) -> None:
  print(json.dumps(value), flush=True)


class _Unpickler(pickle.Unpickler):
  """Reads named tuples of today's commit as that which runs has them.

  Attributes:
    fields: today's, by name of the tuple; an earlier commit may have fewer.
  """

  fields: Mapping[str, Sequence[str]] = {}

  def find_class(self, module: str, name: str) -> Any:
    """As of pickle, or what makes a named tuple of the fields that it has."""
    found, fields = super().find_class(module, name), self.fields.get(name)
    if fields is None:
      return found

    def make(cls: type, *values: Any) -> Any:
      del cls
      known = dict(zip(fields, values, strict=True))
      return found(**{field: known[field] for field in found._fields})

    return type(name, (), {'__new__': make})


def _items(path: str) -> list[Any]:
  with pathlib.Path(path).open('rb') as file:
    fields = pickle.load(file)
    unpickler = _Unpickler(file)
    unpickler.fields = fields
    return unpickler.load()


def serve(items: str, packed: str) -> None:
  """Two queues in one process; tells their ports."""
  from attn_agents.transport.reverb import servers

  (spec, *_), options = _items(items), {}
  if packed == 'packed':
    options['packed'] = True
  made = [servers.queue_server(spec, n, **options) for n in _CAPACITIES]
  _answer([server.port for server in made])
  sys.stdin.read()


def read(items: str, unpack_on: str, *ports: str) -> None:
  """The learner's end, up to batches that a device could be given.

  Takes so many batches from one of the queues as a line says; tells seconds.
  What a device does to put screens together is not part of it.
  """
  from attn_agents.learning import batching
  from attn_agents.transport.reverb import queue

  (spec, *_), options = _items(items), {}
  if unpack_on == 'device':
    options['restore_frames'] = False
  sources = [
    queue.QueueSource(
      f'127.0.0.1:{port}', spec, ITEMS_PER_BATCH, **options
    ).batches()
    for port in ports
  ]
  _answer('ready')
  for line in sys.stdin:
    which, times = map(int, line.split())
    begin = time.perf_counter()
    for _ in range(times):
      batching.shard(batching.concatenate(next(sources[which])), 1)
    _answer(time.perf_counter() - begin)


def write(items: str, number: str, *addresses: str) -> None:
  """The actors' end: threads put so many batches into one of the queues.

  Tells what has gone through the cable since the start, in bytes.
  """
  from attn_agents.transport.reverb import queue

  kept = _items(items)
  sinks = [
    [queue.QueueSink(x, lambda: False) for _ in range(int(number))]
    for x in addresses
  ]
  _answer('ready')

  def insert(sink: queue.QueueSink, first: int, times: int) -> None:
    for i in range(first, first + times):
      sink.insert(kept[i % len(kept)])

  for line in sys.stdin:
    which, batches = map(int, line.split())
    each = batches * ITEMS_PER_BATCH // len(sinks[which])
    threads = [
      threading.Thread(target=insert, args=(sink, i * each, each))
      for i, sink in enumerate(sinks[which])
    ]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    _answer(_sent_bytes())


def _sent_bytes() -> int:
  """Bytes that this network's cable has carried from here; 0 without one."""
  for line in pathlib.Path('/proc/net/dev').read_text().splitlines():
    name, _, numbers = line.partition(':')
    if name.strip() == 'cable':
      return int(numbers.split()[8])
  return 0


_ROLES: dict[str, Callable[..., None]] = {
  'serve': serve,
  'read': read,
  'write': write,
}

if __name__ == '__main__':
  _ROLES[sys.argv[1]](*sys.argv[2:])
