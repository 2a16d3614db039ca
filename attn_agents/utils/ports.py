"""Finds ports to listen on. Standard library only."""

import socket


def free_ports(count: int) -> list[int]:
  """Distinct ports that nobody listens on at the moment.

  They are taken all at once, so that none is given out twice, and given back
  before this returns: whoever listens next on one of them has it.
  """
  sockets = [socket.socket() for _ in range(count)]
  try:
    for probe in sockets:
      probe.bind(('', 0))
    return [probe.getsockname()[1] for probe in sockets]
  finally:
    for probe in sockets:
      probe.close()
