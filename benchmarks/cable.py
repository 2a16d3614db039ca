"""Two hosts on one cable: network namespaces of this machine. Linux, root."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

# TEST-NET-2 is for documentation, so it clashes with no real route.
_NETWORK = '198.51.100'


class UnavailableError(RuntimeError):
  """Two hosts cannot be played here; the message says why."""


class Host(NamedTuple):
  """One of the two.

  Attributes:
    address: as the other sees it.
    pid: of the process that keeps its network.
  """

  address: str
  pid: int

  def prefix(self) -> list[str]:
    """What makes a command run on it."""
    return ['nsenter', f'--net=/proc/{self.pid}/ns/net', '--']

  def set_cable(self, state: str) -> None:
    """Plugs its end in ('up') or pulls it out ('down')."""
    _run([*self.prefix(), 'ip', 'link', 'set', 'cable', state])


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
  """Makes them; nothing of the machine's own network changes.

  Raises:
    UnavailableError: that is not possible here.
  """
  if os.geteuid() != 0:
    raise UnavailableError('making other hosts needs root')
  for program in ('ip', 'nsenter', 'unshare'):
    if not shutil.which(program):
      raise UnavailableError(f'no `{program}` program')
  with contextlib.ExitStack() as stack:
    hosts = [
      Host(f'{_NETWORK}.{number}', stack.enter_context(_network()))
      for number in (1, 2)
    ]
    first, second = hosts
    cable = f'ip link add cable type veth peer name cable netns {second.pid}'
    _run([*first.prefix(), *cable.split()])
    for host in hosts:
      address = f'ip addr add {host.address}/30 dev cable'
      _run([*host.prefix(), *address.split()])
      for name in ('lo', 'cable'):
        _run([*host.prefix(), *f'ip link set {name} up'.split()])
    yield first, second


@contextlib.contextmanager
def _network() -> Iterator[int]:
  """A network of its own, as long as this process lives; yields a pid in it."""
  with subprocess.Popen(
    ['unshare', '--net', 'sh', '-c', 'echo; exec cat'],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  ) as process:
    assert process.stdout is not None and process.stderr is not None
    if not process.stdout.readline():
      why = process.stderr.read().decode(errors='replace').strip()
      raise UnavailableError(why or 'unshare ended')
    yield process.pid
    assert process.stdin is not None
    process.stdin.close()


def _run(command: list[str]) -> None:
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode:
    raise UnavailableError(f'{" ".join(command)}: {done.stderr.strip()}')
