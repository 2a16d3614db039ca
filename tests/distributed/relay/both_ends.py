"""Both ends of a relay in this process, and a service behind them."""

import contextlib
import pathlib
import socket
import threading
from collections.abc import Callable, Iterator

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import (
  actor_end,
  ends,
  learner_end,
  serving,
  tls,
)

SERVICE = 'queue'
# Long enough for any step here on a busy machine.
SECONDS = 20.0
_BUFFER_BYTES = 131_072


class Hosts:
  """A learner host and an actor host of one run, on loopback.

  Attributes:
    service: listens where the service would; nobody accepts.
    address: of the learner host's end, 'host:port'.
    learner, actor: the two ends.
    logdir: of the run, with its keys.
  """

  def __init__(
    self,
    logdir: pathlib.Path,
    limits: serving.Limits,
    actor_limits: serving.Limits,
  ):
    """Makes the keys and opens the sockets."""
    self.logdir = logdir
    self.service = _listen()
    self.service.settimeout(SECONDS)
    self._outside = _listen()
    self._inside = _listen()
    self.address = _text(self._outside)
    self.learner = learner_end.LearnerEnd(
      run_key.make_or_load(logdir), {SERVICE: _text(self.service)}, limits
    )
    self.key = run_key.load(run_key.paths(logdir)['actor'], 'actor')
    self.actor = actor_end.ActorEnd(
      self.key, self.address, [SERVICE], actor_limits
    )

  def listeners(self) -> dict[socket.socket, Callable[[socket.socket], None]]:
    """What `serving.accept` needs."""
    return {
      self._outside: self.learner.serve,
      self._inside: self.actor.serve(SERVICE),
    }

  def connect(self) -> socket.socket:
    """A connection of an actor, as it sees the service."""
    return socket.create_connection(self._inside.getsockname(), SECONDS)

  def knock(self) -> socket.socket:
    """A connection from the network to the learner host's end."""
    return socket.create_connection(self._outside.getsockname(), SECONDS)

  def accept(self) -> socket.socket:
    """A connection as the service has it."""
    accepted, _ = self.service.accept()
    accepted.settimeout(SECONDS)
    return accepted

  def close(self) -> None:
    """Closes what listens."""
    for listener in (self.service, self._outside, self._inside):
      listener.close()


@contextlib.contextmanager
def running(
  logdir: pathlib.Path,
  limits: serving.Limits | None = None,
  actor_limits: serving.Limits | None = None,
) -> Iterator[Hosts]:
  """Both ends, which serve meanwhile."""
  limits = limits or serving.Limits()
  hosts = Hosts(logdir, limits, actor_limits or limits)
  stop = threading.Event()
  thread = threading.Thread(
    target=serving.accept, args=(hosts.listeners(), stop.is_set)
  )
  thread.start()
  try:
    yield hosts
  finally:
    stop.set()
    thread.join()
    hosts.close()


@contextlib.contextmanager
def two_encrypted(
  logdir: pathlib.Path,
) -> Iterator[tuple[ends.Encrypted, ends.Encrypted]]:
  """Both ends of one connection of TLS, after the handshake."""
  key = run_key.make_or_load(logdir)
  actors = run_key.load(run_key.paths(logdir)['actor'], 'actor')
  with socket.create_server(('127.0.0.1', 0)) as server:
    dialed = []
    address = f'127.0.0.1:{server.getsockname()[1]}'
    dialing = threading.Thread(
      target=lambda: dialed.append(
        actor_end.dial(address, tls.context(actors, [SERVICE]), SECONDS)
      )
    )
    dialing.start()
    accepted = ends.Encrypted(
      server.accept()[0], tls.context(key, [SERVICE, tls.CHECK])
    )
    accepted.handshake(SECONDS)
    dialing.join()
    with accepted.socket, dialed[0].socket:
      yield dialed[0], accepted


def read_all(connection: socket.socket) -> bytes:
  """Everything up to the end of the stream."""
  parts = []
  while part := connection.recv(1 << 16):
    parts.append(part)
  return b''.join(parts)


def _listen() -> socket.socket:
  listener = socket.socket()
  # Its connections have it, too: else they grow to what the system allows.
  listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
  listener.bind(('127.0.0.1', 0))
  listener.listen(64)
  return listener


def _text(listener: socket.socket) -> str:
  return '{}:{}'.format(*listener.getsockname())
