"""The processes of `between_hosts.py`, each started on its host.

A process answers each line on its stdin with one of JSON, and ends with it.
"""

import json
import pathlib
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import addresses, start
from benchmarks import cable, harness

_ROOT = pathlib.Path(__file__).parents[1]
_QUEUE = 'queue'
# Items that wait between writers and reader, and those that are taken at once.
_CAPACITY, BATCH = 8, 4
DIRECT, RELAY = 'direct', 'relay'


class Process:
  """One of the functions below, as a process of a host.

  Attributes:
    ready: what it said when it was.
  """

  def __init__(self, host: cable.Host, name: str, *args: object):
    """Starts it and waits until it is ready.

    Raises:
      harness.FailedError: it ended instead.
    """
    self._name = name
    self._process = subprocess.Popen(
      [
        *host.prefix(),
        sys.executable,
        '-m',
        'benchmarks.hosts_path',
        name,
        *map(str, args),
      ],
      cwd=_ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )
    self.ready = self.hear()
    pids = self.ready.get('pids', []) if isinstance(self.ready, dict) else []
    self._measured = [psutil.Process(x) for x in (self._process.pid, *pids)]

  def core_seconds(self) -> float:
    """What it, and the relay that it started, took of a core so far."""
    times = [process.cpu_times() for process in self._measured]
    return sum(x.user + x.system for x in times)

  def tell(self, line: str) -> None:
    """Asks for something."""
    assert self._process.stdin is not None
    self._process.stdin.write(f'{line}\n')
    self._process.stdin.flush()

  def hear(self) -> Any:
    """The next answer.

    Raises:
      harness.FailedError: there is none; the process has ended.
    """
    assert self._process.stdout is not None
    line = self._process.stdout.readline()
    if not line:
      code = self._process.wait()
      raise harness.FailedError(f'{self._name} ended with exit code {code}')
    return json.loads(line)

  def ask(self, line: str) -> Any:
    """What it answers."""
    self.tell(line)
    return self.hear()

  def close(self) -> None:
    """Ends it."""
    assert self._process.stdin is not None
    self._process.stdin.close()
    try:
      self._process.wait(20)
    except subprocess.TimeoutExpired:
      self._process.kill()
      self._process.wait()


def _answer(value: Any) -> None:
  print(json.dumps(value), flush=True)


def _items(path: str) -> dict[str, Any]:
  # Written by the parent a moment ago.
  return pickle.loads(pathlib.Path(path).read_bytes())


def serve(items: str) -> None:
  """Reverb's queue, on every interface of its host; tells its port."""
  from attn_agents.transport.reverb import servers

  spec = next(iter(_items(items).values()))
  server = servers.queue_server(spec, _CAPACITY)
  _answer(server.port)
  sys.stdin.read()


def read(items: str, port: str) -> None:
  """The learner's end: takes as many items as a line says; tells seconds."""
  from attn_agents.transport.reverb import queue

  spec = next(iter(_items(items).values()))
  batches = queue.QueueSource(f'127.0.0.1:{port}', spec, BATCH).batches()
  _answer('ready')
  for line in sys.stdin:
    begin = time.perf_counter()
    for _ in range(int(line)):
      next(batches)
    _answer(time.perf_counter() - begin)


def write(items: str, number: str, direct: str, relayed: str) -> None:
  """The actors' end: puts in items of a kind, by a way, so many times."""
  from attn_agents.transport.reverb import queue

  kinds = _items(items)
  targets = {DIRECT: direct, RELAY: relayed}
  sinks = {
    way: [queue.QueueSink(address, lambda: False) for _ in range(int(number))]
    for way, address in targets.items()
  }
  _answer('ready')

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
    _answer('written')


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
  _answer({'address': end.local(_QUEUE), 'pids': [end.process.pid]})
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
