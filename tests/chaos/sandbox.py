"""Mounts that only the harness and its children see: small disks, read-only.

In a user and mount namespace of its own, an ordinary user may mount, and root
finds a read-only directory read-only.
"""

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

_INSIDE = 'ATTN_AGENTS_CHAOS_SANDBOX'
DISK_MEGABYTES = 96
_LIBRARIES = (
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
  '/usr/lib64/faketime/libfaketimeMT.so.1',
)


def enter() -> bool:
  """Starts this command again inside; False if the system forbids it."""
  if _INSIDE in os.environ:
    return True
  try:
    trial = subprocess.run(
      ['unshare', '-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt'],
      capture_output=True, check=False,
    )  # fmt: skip
  except FileNotFoundError:
    return False
  if trial.returncode:
    return False
  os.environ[_INSIDE] = '1'
  command = [sys.executable, *sys.orig_argv[1:]]
  os.execvp('unshare', ['unshare', '-rm', *command])


def mount_disk(path: pathlib.Path) -> None:
  """An empty disk of `DISK_MEGABYTES` at `path`, gone with the harness."""
  path.mkdir(parents=True, exist_ok=True)
  _mount('-t', 'tmpfs', '-o', f'size={DISK_MEGABYTES}m', 'none', str(path))


def fill_disk(path: pathlib.Path) -> Callable[[], None]:
  """Takes all that is free on the disk of `path`; returns what gives it back.

  Args:
    path: a directory, outside of the run's own.
  """
  ballast = path / 'ballast'
  with open(ballast, 'wb', buffering=0) as file:
    for block in (1 << 20, 1 << 12):
      try:
        while file.write(bytes(block)):
          pass
      except OSError:
        continue
  return lambda: ballast.unlink(missing_ok=True)


def make_read_only(path: pathlib.Path) -> Callable[[], None]:
  """Refuses whatever is opened for writing below `path` from now on.

  Files that are open stay so. Returns what undoes it.
  """
  _mount('--bind', str(path), str(path))
  _mount('-o', 'remount,bind,ro', str(path))

  def undo() -> None:
    # A process that lingers there holds the mount; its next look-up does not.
    subprocess.run(['umount', '--lazy', str(path)], check=True)

  return undo


def libfaketime() -> str | None:
  """The library that sets a process's clock, None if there is none.

  LIBFAKETIME names it where it is not installed.
  """
  named = os.environ.get('LIBFAKETIME')
  for path in (named, *_LIBRARIES):
    if path and os.path.isfile(path):
      return path
  return None


def missing() -> dict[str, str]:
  """Kinds of faults that cannot be made here, each with the reason."""
  found: dict[str, str] = {}
  if not (_INSIDE in os.environ and shutil.which('mount')):
    reason = 'the system forbids `unshare -rm`'
    found.update(full_disk=reason, read_only=reason)
  if libfaketime() is None:
    found['clock'] = (
      'libfaketime is not installed (Debian: faketime; or name the library in '
      'LIBFAKETIME)'
    )
  return found


def _mount(*args: str) -> None:
  subprocess.run(['mount', *args], check=True)
