"""Addresses that users give: read, checked, and listened on."""

import difflib
import errno
import ipaddress
import os
import socket
from collections.abc import Iterable

import psutil

from configs import errors

UNIX = 'unix:'
# A name that no host has; stands where nothing better is known.
_EXAMPLE = '10.0.0.1:7000'


def parse(text: str, flag: str) -> tuple[str, int]:
  """Host and port of 'host:port' or '[IPv6]:port'.

  Args:
    text: what was given.
    flag: that it was given to, for the line of an error.

  Raises:
    ConfigError: it is neither.
  """
  host, colon, digits = text.strip().rpartition(':')
  if host.startswith('[') and host.endswith(']'):
    host = host[1:-1]
  elif ':' in host:
    raise errors.ConfigError(
      f'{flag}={text}: expected an IPv6 address in brackets: '
      f'[{host}]:{digits or 7000}'
    )
  if not colon or not host:
    bare = text.strip().strip(':')
    guess = f'{bare}:7000' if bare and not bare.isdigit() else _EXAMPLE
    raise errors.ConfigError(
      f'{flag}={text}: expected address:port, for example {guess}'
    )
  if not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
    raise errors.ConfigError(
      f'{flag}={text}: expected a port of 1 to 65535 after {host}:'
    )
  return host, int(digits)


def listen(
  text: str, *, allow_wildcard: bool = False, flag: str = '--listen'
) -> socket.socket:
  """A socket that listens on the address given, and on no other.

  It stays in the network that this process is in, wherever it moves later.

  Args:
    text: 'address:port' of this host.
    allow_wildcard: whether it may be every address of this host, as
      '0.0.0.0:7000'.
    flag: that it was given to, for the line of an error.

  Raises:
    ConfigError: it is no such address, or nobody can listen there.
  """
  host, port = parse(text, flag)
  family, address = _resolve(host, port, text, flag)
  if ipaddress.ip_address(address).is_unspecified and not allow_wildcard:
    raise errors.ConfigError(
      f'{flag}={text} would listen on every network of this host; expected one '
      f'of its addresses ({_listed(own_addresses())}), or --allow_open_ports'
    )
  made = socket.socket(family, socket.SOCK_STREAM)
  try:
    # One is free again as soon as its last owner has ended. Without
    # SO_REUSEPORT: two owners would share the clients.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen()
  except OSError as error:
    made.close()
    why = _why_not(error, address, port)
    raise errors.ConfigError(f'{flag}={text} {why}') from None
  return made


def _resolve(host: str, port: int, text: str, flag: str) -> tuple[int, str]:
  try:
    found = socket.getaddrinfo(host, port)
  except (OSError, UnicodeError):
    close = difflib.get_close_matches(host, own_addresses(), 1, 0.3)
    hint = ''.join(f'{address}:{port}' for address in close) or _EXAMPLE
    raise errors.ConfigError(
      f"{flag}={text}: '{host}' is no address and no name that this host can "
      f'find; expected address:port, for example {hint}'
    ) from None
  family, _, _, _, address = found[0]
  return family, str(address[0])


def _why_not(error: OSError, address: str, port: int) -> str:
  if error.errno == errno.EADDRINUSE:
    free = _free_port_near(address, port)
    hint = f', for example {free}' if free else ''
    return f'is in use; expected a free port{hint}'
  if error.errno == errno.EADDRNOTAVAIL:
    own = own_addresses()
    # However different: there is always one.
    (close,) = difflib.get_close_matches(address, own, 1, 0)
    return (
      f'is not an address of this host; expected one of {_listed(own)}; did '
      f'you mean {close}:{port}?'
    )
  reason = os.strerror(error.errno) if error.errno else str(error)
  least = ' of 1024 or more' if error.errno == errno.EACCES else ''
  return f'is refused ({reason}); expected a port{least} that is free'


def _free_port_near(address: str, port: int) -> int:
  """The next port that is free there, or 0."""
  family = socket.AF_INET6 if ':' in address else socket.AF_INET
  for candidate in range(port + 1, min(port + 50, 65536)):
    with socket.socket(family, socket.SOCK_STREAM) as probe:
      try:
        probe.bind((address, candidate))
      except OSError:
        continue
      return candidate
  return 0


def own_addresses() -> list[str]:
  """All addresses of this host, those of loopback last."""
  found = [
    address.address
    for of_interface in psutil.net_if_addrs().values()
    for address in of_interface
    if address.family in (socket.AF_INET, socket.AF_INET6)
    and '%' not in address.address
  ]
  return sorted(
    dict.fromkeys(found), key=lambda x: ipaddress.ip_address(x).is_loopback
  ) or ['127.0.0.1']


def _listed(addresses: Iterable[str]) -> str:
  """The first few of them."""
  return ', '.join(list(addresses)[:4])


def connect(address: str, seconds: float) -> socket.socket:
  """A connection to 'host:port' or 'unix:/path'.

  Args:
    address: as above.
    seconds: to wait for it, at most.

  Raises:
    OSError: there is nobody, or not in time.
  """
  if address.startswith(UNIX):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
      made.settimeout(seconds)
      made.connect(address[len(UNIX) :])
    except BaseException:
      made.close()
      raise
    return made
  host, _, port = address.rpartition(':')
  made = socket.create_connection((host.strip('[]'), int(port)), seconds)
  made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
  return made
