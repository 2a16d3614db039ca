"""An actor host's end: carries what its actors send to the learner host."""

import socket
import ssl
from collections.abc import Callable, Sequence

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import (
  addresses,
  ends,
  learner_end,
  pump,
  serving,
  tls,
)


class ActorEnd:
  """Opens a connection to the learner host for each that it accepts here."""

  def __init__(
    self,
    key: run_key.RunKey,
    learner_address: str,
    services: Sequence[str],
    limits: serving.Limits,
  ):
    """Connects to nothing yet.

    Args:
      key: of an actor host.
      learner_address: 'host:port' of the learner host's end.
      services: that may be asked for.
      limits: of what strangers and lost peers can take.
    """
    self._contexts = {name: tls.context(key, [name]) for name in services}
    self._address, self._limits = learner_address, limits
    self._tell = serving.Teller()
    self.visitors = serving.Visitors(limits, self._tell, of_hosts=False)

  def serve(self, service: str) -> Callable[[socket.socket], None]:
    """What handles a connection from this host to a service of the other."""

    def serve(visitor: socket.socket) -> None:
      if not self.visitors.is_known(visitor, service):
        ends.reset(visitor)
        return
      try:
        self._carry(visitor, service)
      except OSError as error:
        ends.reset(visitor)
        self._tell(
          f'{service} at {self._address} ended: {learner_end.describe(error)}'
        )
      finally:
        self.visitors.leaves(visitor, service)

    return serve

  def _carry(self, visitor: socket.socket, service: str) -> None:
    encrypted = dial(
      self._address, self._contexts[service], self._limits.handshake_seconds
    )
    with encrypted.socket:
      ends.keep_alive(encrypted.socket, self._limits.lost_seconds)
      try:
        pump.run(
          ends.Plain(visitor),
          encrypted,
          lambda: encrypted.is_lost(self._limits.lost_seconds),
          self._limits.look_seconds,
        )
      except OSError:
        ends.reset(encrypted.socket)
        raise


def dial(
  address: str, context: ssl.SSLContext, seconds: float
) -> ends.Encrypted:
  """A connection to a learner host, whose key has been looked at.

  Whether that has accepted ours is known after the first `receive`.

  Args:
    address: 'host:port'.
    context: of `tls.context`.
    seconds: for connecting, and for the handshake.

  Raises:
    OSError: there is nobody, or not of this run; `ssl.SSLError` is one, too.
  """
  raw = addresses.connect(address, seconds)
  try:
    encrypted = ends.Encrypted(raw, context)
    encrypted.handshake(seconds)
  except BaseException:
    raw.close()
    raise
  return encrypted
