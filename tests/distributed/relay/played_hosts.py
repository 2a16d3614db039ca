"""What the two hosts of `hosts_test.py` do: `python -m` this, on each.

    learner LOGDIR ADDRESS FIRST   the relay's end, and a service; the one that
                                   is started first makes their network
    actor LOGDIR ADDRESS           the relay's other end, and a confined client

Each reads commands from stdin, a line each, and answers each with one of JSON.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
from typing import Any

from attn_agents.distributed import isolation, run_key
from attn_agents.distributed.relay import addresses, check, serving, start

# Of the service. Its network is its own, so nobody else can have it.
PORT = 5000
# Whoever is lost is given up soon. The kernel leaves questions unanswered that
# come within half a second, so that less would be too soon.
LIMITS = serving.Limits(lost_seconds=2.0)


def _tell(value: Any) -> None:
  print(json.dumps(value), flush=True)


def _network(pid: int | str = 'self') -> str:
  return os.readlink(f'/proc/{pid}/ns/net')


def _listening(pid: int | str = 'self') -> list[str]:
  """What is listened on in the network of a process, as the kernel has it."""
  found = []
  for name in ('tcp', 'tcp6'):
    lines = pathlib.Path(f'/proc/{pid}/net/{name}').read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    found += [row[1] for row in rows if row[3] == '0A']
  return found


class Service:
  """Stands for Reverb: listens on every interface, tells what it gets.

  Its network is its own, or that of the process that it is given.
  """

  def __init__(self) -> None:
    """Confines this process."""
    network = int(sys.argv[2])
    if network:
      isolation.join(network)
    else:
      assert isolation.confine_to_loopback().confined
    self._listener = socket.create_server(('0.0.0.0', PORT))
    threading.Thread(target=self._accept, daemon=True).start()
    self._ended: list[str] = []

  def run(self) -> None:
    """Answers commands until stdin ends."""
    _tell(self._listener.getsockname()[1])
    for _ in sys.stdin:
      _tell(self._ended)

  def _accept(self) -> None:
    while True:
      connection, _ = self._listener.accept()
      threading.Thread(target=self._echo, args=(connection,)).start()

  def _echo(self, connection: socket.socket) -> None:
    """Sends back what comes; after 'flood', what nobody asked for."""
    name = ''
    try:
      while data := connection.recv(65_536):
        name = name or data.decode()
        connection.sendall(data)
        while data == b'flood':
          connection.sendall(bytes(65_536))
      self._ended.append(f'{name}: end')
    except OSError as error:
      self._ended.append(f'{name}: {type(error).__name__}')


def learner(logdir: str, listen: str, first: str) -> None:
  """Serves, and tells who is there."""
  listening = addresses.listen(listen)
  key = run_key.make_or_load(logdir)
  services = {'queue': f'127.0.0.1:{PORT}'}

  def start_relay(join: int) -> start.Relay:
    made = start.learner_end(
      listening, key, services, logdir, local=['queue'], join=join,
      confine=not join, limits=LIMITS,
    )  # fmt: skip
    made.wait()
    return made

  def start_service(network: int) -> subprocess.Popen:
    command = [sys.executable, '-m', __spec__.name, 'service', str(network)]
    made = subprocess.Popen(
      command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert made.stdout is not None
    assert json.loads(made.stdout.readline()) == PORT
    return made

  if first == 'relay':
    relay = start_relay(0)
    service = start_service(relay.process.pid)
  else:
    service = start_service(0)
    relay = start_relay(service.pid)
  assert service.stdout is not None and service.stdin is not None
  _tell({'directory': relay.directory})
  for line in sys.stdin:
    if line.strip() == 'facts':
      # Also through the Unix socket of this host, from outside.
      with addresses.connect(relay.local('queue'), 10) as client:
        client.sendall(b'here')
        here = client.recv(4).decode()
      _tell(
        {
          'listening': _listening(),
          'confined': _network(relay.process.pid) == _network(service.pid),
          'outside': _network() != _network(service.pid),
          'here': here,
        }
      )
    else:
      service.stdin.write('ended\n')
      service.stdin.flush()
      _tell(json.loads(service.stdout.readline()))
  relay.close()
  service.stdin.close()
  service.wait()
  _tell({'code': relay.process.returncode, 'left': relay.directory})


def actor(logdir: str, address: str) -> None:
  """Connects, and tells what came back."""
  key = run_key.load(run_key.paths(logdir)['actor'], 'actor')
  check.require_accepted(address, key, 20.0)
  here = pathlib.Path(logdir) / 'actor_host'
  relay = start.actor_end(address, key, ['queue'], here, limits=LIMITS)
  outside = _network()
  assert isolation.confine_to_loopback().confined
  _tell(
    {
      'directory': relay.directory,
      'confined': _network() != outside == _network(relay.process.pid),
      'listening': _listening() + _listening(relay.process.pid),
    }
  )
  clients = []
  for line in sys.stdin:
    client = addresses.connect(relay.local('queue'), 10)
    client.sendall(line.strip().encode())
    client.settimeout(10)
    _tell(client.recv(100).decode().strip('\0'))
    clients.append(client)
  relay.close()
  _tell(relay.process.returncode)


if __name__ == '__main__':
  if sys.argv[1] == 'service':
    Service().run()
  else:
    {'learner': learner, 'actor': actor}[sys.argv[1]](*sys.argv[2:])
