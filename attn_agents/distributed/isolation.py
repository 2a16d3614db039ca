"""Confines a local run to the loopback interface of a network of its own.

Reverb and Courier listen on every interface, without authentication, and have
no option to change that; Courier also decodes pickles from whoever connects. So
a local run moves into a new network namespace that holds nothing but `lo`. Its
processes reach one another. Other hosts, and other users of this one, cannot
reach them. Linux only.

Standard library only, because it has to run first: a namespace is a property of
a thread, so a process must enter it before an import starts other threads.
Processes started afterwards inherit it. The file system, the user id and the
right to signal the run from outside stay as they were. Every route out of the
namespace is gone, abstract Unix sockets included.
"""

import ctypes
import dataclasses
import errno
import fcntl
import os
import pathlib
import socket
import struct
import sys

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
# struct ifreq on 64-bit Linux: the name, then a union that starts with flags.
_IFREQ = '16sH22x'

# Some kernels put these into every new network namespace. They are down, and
# no packet can pass them.
_FALLBACK_TUNNELS = frozenset(
  (
    'erspan0',
    'gre0',
    'gretap0',
    'ip6_vti0',
    'ip6gre0',
    'ip6tnl0',
    'ip_vti0',
    'sit0',
    'tunl0',
  )
)

# A privileged process needs the first only; others may make a network namespace
# only inside a user namespace of their own.
_WAYS = (
  (_CLONE_NEWNET, 'network namespace'),
  (_CLONE_NEWUSER | _CLONE_NEWNET, 'user and network namespaces'),
)


@dataclasses.dataclass(frozen=True)
class Isolation:
  """Whether this process is cut off from every other host.

  Attributes:
    confined: True if nothing outside can connect to this process's ports.
    detail: by which means it is confined, or why it could not be.
  """

  confined: bool
  detail: str


def is_confined() -> bool:
  """Returns True if loopback is this process's only network interface.

  Interfaces that are down count too, since they may come up during the run.
  """
  return all(
    name == 'lo' or (name in _FALLBACK_TUNNELS and not _is_up(name))
    for _, name in socket.if_nameindex()
  )


def confine_to_loopback() -> Isolation:
  """Moves this process, and all it starts from now on, off the network.

  If that is refused, the process stays as it was: each way is tried in a forked
  child first, because a namespace cannot be left again if its `lo` may not be
  brought up, as under Ubuntu's AppArmor restriction.

  Returns:
    What happened. A second call changes nothing.

  Raises:
    RuntimeError: other threads run already; they would stay outside.
  """
  if not sys.platform.startswith('linux'):
    return Isolation(False, f'{sys.platform} has no network namespaces')
  if is_confined() and _is_up('lo'):
    return Isolation(True, 'loopback is the only interface')
  threads = len(os.listdir('/proc/self/task'))
  if threads > 1:
    raise RuntimeError(
      f'confine_to_loopback() was called with {threads} threads running; '
      'call it before importing JAX, EnvPool or TensorFlow'
    )
  refusals = []
  for flags, way in _WAYS:
    refusal = _try_in_child(flags)
    if not refusal:
      _enter(flags)
      return Isolation(True, way)
    refusals.append(f'{way}: {refusal}')
  return Isolation(False, '; '.join(refusals))


def join(pid: int) -> None:
  """Moves this process into the network of another, which has left ours.

  Sockets that this process has open stay in the network they were made in, so
  that it can serve the one network from within the other.

  Args:
    pid: of a process of the same user, in a namespace that it made itself or
      was born into. If this process is in there already, nothing changes.

  Raises:
    RuntimeError: other threads run already; they would stay outside.
    OSError: there is no such process, or the system refuses.
  """
  threads = len(os.listdir('/proc/self/task'))
  if threads > 1:
    raise RuntimeError(f'join() was called with {threads} threads running')
  for kind in ('user', 'net'):
    # Into its own user namespace no process may move.
    if not _same_namespace(kind, pid):
      _set_namespace(f'/proc/{pid}/ns/{kind}')


def _same_namespace(kind: str, pid: int) -> bool:
  ours, theirs = (os.stat(f'/proc/{x}/ns/{kind}') for x in ('self', pid))
  return (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)


def _set_namespace(path: str) -> None:
  libc = ctypes.CDLL(None, use_errno=True)
  descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
  try:
    if libc.setns(descriptor, 0) != 0:
      code = ctypes.get_errno()
      raise OSError(code, f'setns refused: {os.strerror(code)}', path)
  finally:
    os.close(descriptor)


def _try_in_child(flags: int) -> str:
  """Returns why a child of this process could not `_enter(flags)`, or ''."""
  receiving, sending = os.pipe()
  pid = os.fork()
  if pid == 0:
    refusal = 'interrupted'
    try:
      _enter(flags)
      refusal = '' if is_confined() else 'other interfaces remain visible'
    except Exception as e:
      refusal = str(e) or repr(e)
    finally:
      os.write(sending, refusal.encode())
      # No cleanup of the parent's state (buffers, exit handlers) in the copy.
      os._exit(0)
  os.close(sending)
  with os.fdopen(receiving, 'rb') as pipe:
    refusal = pipe.read().decode()
  _, status = os.waitpid(pid, 0)
  return refusal if status == 0 else f'child ended with status {status}'


def _enter(flags: int) -> None:
  uid, gid = os.geteuid(), os.getegid()
  _unshare(flags)
  if flags & _CLONE_NEWUSER:
    # The kernel accepts a group map from an unprivileged process only once
    # setgroups is given up.
    _write('/proc/self/setgroups', 'deny')
    _write('/proc/self/uid_map', f'{uid} {uid} 1')
    _write('/proc/self/gid_map', f'{gid} {gid} 1')
  with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    request = struct.pack(_IFREQ, b'lo', _flags('lo') | _IFF_UP)
    try:
      fcntl.ioctl(control, _SIOCSIFFLAGS, request)
    except OSError as e:
      raise OSError(e.errno, f'bringing lo up: {e.strerror}') from e


def _unshare(flags: int) -> None:
  libc = ctypes.CDLL(None, use_errno=True)
  if libc.unshare(flags) != 0:
    code = ctypes.get_errno()
    reason = os.strerror(code)
    if code == errno.ENOSPC:
      reason = 'the limit in /proc/sys/user/max_*_namespaces is reached'
    raise OSError(code, f'unshare refused: {reason}')


def _write(path: str, text: str) -> None:
  pathlib.Path(path).write_text(text)


def _flags(interface: str) -> int:
  with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    request = struct.pack(_IFREQ, interface.encode(), 0)
    reply = fcntl.ioctl(control, _SIOCGIFFLAGS, request)
  return struct.unpack(_IFREQ, reply)[1]


def _is_up(interface: str) -> bool:
  return bool(_flags(interface) & _IFF_UP)
