"""A learner host's end: lets in who has the run's key, to what it asks for."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import addresses, ends, pump, serving, tls


class LearnerEnd:
  """Carries connections of actor hosts to the services of this host."""

  def __init__(
    self,
    key: run_key.RunKey,
    services: Mapping[str, str],
    limits: serving.Limits,
    facts: str = '',
  ):
    """Connects to nothing yet.

    Args:
      key: of a learner host.
      services: their addresses by name, 'host:port' or 'unix:/path'.
      limits: of what strangers and lost peers can take.
      facts: what hosts of the run are told that ask whether they may come in.
    """
    self._facts = facts.encode()
    self._context = tls.context(key, [*services, tls.CHECK])
    self._services, self._limits = services, limits
    self._tell = serving.Teller()
    self.visitors = serving.Visitors(limits, self._tell, of_hosts=True)

  def serve(self, visitor: socket.socket) -> None:
    """Handles one connection from the network, to its end."""
    host, known = _host(visitor), ''
    if not self.visitors.arrives(visitor):
      ends.reset(visitor)
      return
    try:
      encrypted = ends.Encrypted(visitor, self._context)
      service = encrypted.handshake(self._limits.handshake_seconds)
      if service not in self._services:
        # Who wants what is not here gets an end, and no byte.
        text = self._facts if service == tls.CHECK else b''
        encrypted.say(text, self._limits.handshake_seconds)
        return
      if not self.visitors.is_known(visitor, host):
        ends.reset(visitor)
        return
      known = host
      self._carry(encrypted, service, host)
    except OSError as error:
      ends.reset(visitor)
      what = 'connection' if known else 'handshake'
      self._tell(f'{what} of {host} ended: {describe(error)}')
    finally:
      self.visitors.leaves(visitor, known)

  def serve_here(self, service: str) -> Callable[[socket.socket], None]:
    """What handles a connection from this host to a service."""

    def serve(visitor: socket.socket) -> None:
      try:
        with self._connect(service) as inner:
          pump.run(ends.Plain(visitor), ends.Plain(inner))
      except OSError as error:
        ends.reset(visitor)
        self._tell(f'{service} for this host ended: {describe(error)}')

    return serve

  def _carry(self, encrypted: ends.Encrypted, service: str, host: str) -> None:
    ends.keep_alive(encrypted.socket, self._limits.lost_seconds)
    with self._connect(service) as inner:
      try:
        pump.run(
          encrypted,
          ends.Plain(inner),
          lambda: encrypted.is_lost(self._limits.lost_seconds),
          self._limits.look_seconds,
        )
      except OSError:
        # The service must not take what has come for all there is.
        ends.reset(inner)
        raise

  def _connect(self, service: str) -> socket.socket:
    try:
      return addresses.connect(
        self._services[service], self._limits.handshake_seconds
      )
    except OSError as error:
      raise ConnectionError(
        f'{service} at {self._services[service]}: {error.strerror or error}'
      ) from None


def describe(error: OSError) -> str:
  """An error of a connection in a few words."""
  if isinstance(error, ssl.SSLError):
    return f'TLS: {error.reason or error}'
  return str(error.strerror or error)


def _host(visitor: socket.socket) -> str:
  with contextlib.suppress(OSError):
    return str(visitor.getpeername()[0])
  return 'a host that is gone'
