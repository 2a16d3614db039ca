"""The checks of `launch/doctor.py`; each says what to do if it fails.

A check takes nothing, returns one line of detail, and raises if it fails. It
imports what it needs itself, since it runs in a process of its own.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import platform
import socket
import sys
from collections.abc import Callable

from attn_agents.diagnostics import locks

_INSTALL = 'run `make setup` (BUILD_NOTES.md lists its variants)'


@dataclasses.dataclass(frozen=True)
class Check:
  """One check.

  Attributes:
    name: what its line begins with.
    ask: returns the detail, or raises.
    remedy: what to do if it raises.
    timeout: seconds after which it counts as hanging.
    only_launchpad: only runs of `--runtime=launchpad` depend on it.
  """

  name: str
  ask: Callable[[], str]
  remedy: str
  timeout: float = 60.0
  only_launchpad: bool = False


def _platform() -> str:
  from attn_agents.utils import machine

  found = machine.describe()
  detail = (
    f'Python {found.python}, {found.platform}, {found.cores} cores, '
    f'{found.memory_bytes / 2**30:.0f} GiB'
  )
  # Without Launchpad, any platform that the packages install on will do.
  if locks.has_launchpad() and (
    sys.version_info[:2] != (3, 10)
    or sys.platform != 'linux'
    or platform.machine() != 'x86_64'
  ):
    raise RuntimeError(detail)
  return detail


def _versions() -> str:
  variant = locks.installed_variant()
  wrong = locks.differences(variant)
  if wrong:
    more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
    raise RuntimeError(', '.join(wrong[:3]) + more)
  return f'{len(locks.pins(variant))} packages as in requirements/{variant}.txt'


def _import(distribution: str, *modules: str) -> str:
  for name in modules:
    importlib.import_module(name)
  return importlib.metadata.version(distribution)


def _devices() -> str:
  from attn_agents.utils import machine

  devices = machine.probe_devices()
  if devices.reason:
    raise RuntimeError(devices.reason)
  learner = f'{devices.count} x {devices.kind}'
  return f'learner: {devices.platform} ({learner}); actors: cpu'


def _loopback() -> str:
  with socket.create_server(('127.0.0.1', 0)) as server:
    port = server.getsockname()[1]
    # By name, as Launchpad and Reverb do.
    client = socket.create_connection(('localhost', port), timeout=5)
    accepted, _ = server.accept()
    with client, accepted:
      client.sendall(b'echo')
      if accepted.recv(4, socket.MSG_WAITALL) != b'echo':
        raise RuntimeError('loopback connection broke')
  return f'port {port} was free and answered'


def _isolation() -> str:
  from attn_agents.distributed import isolation

  result = isolation.confine_to_loopback()
  if not result.confined:
    raise RuntimeError(result.detail)
  _loopback()
  return f'reachable from no other host: {result.detail}'


def _envpool_and_numpy() -> str:
  from attn_agents.environments import atari_suite

  return atari_suite.check_versions()


def _environment() -> str:
  from attn_agents.diagnostics import games

  return games.play('ms_pacman')


def _reverb_round_trip() -> str:
  from attn_agents.transport.reverb import self_check

  return self_check.round_trip()


def _launchpad_program() -> str:
  from attn_agents.distributed.programs import launchpad

  return launchpad.self_check()


def _library(
  name: str, distribution: str, *modules: str, only_launchpad: bool = False
) -> Check:
  ask = functools.partial(_import, distribution, *modules)
  return Check(f'import {name}', ask, _INSTALL, only_launchpad=only_launchpad)


CHECKS = (
  Check(
    'platform',
    _platform,
    'Launchpad needs Linux on x86-64 with Python 3.10; BUILD_NOTES.md says how '
    'to get it on other systems',
  ),
  Check('versions', _versions, _INSTALL),
  _library('jaxlib', 'jaxlib', 'jaxlib.xla_client'),
  _library('envpool', 'envpool', 'envpool'),
  Check('EnvPool and NumPy', _envpool_and_numpy, _INSTALL),
  _library('orbax', 'orbax-checkpoint', 'tensorstore', 'orbax.checkpoint'),
  _library('tensorflow', 'tensorflow-cpu', 'tensorflow', only_launchpad=True),
  _library('reverb', 'dm-reverb', 'reverb', only_launchpad=True),
  _library(
    'launchpad', 'dm-launchpad', 'courier', 'launchpad', only_launchpad=True
  ),
  Check(
    'devices',
    _devices,
    'check the driver (nvidia-smi), or set JAX_PLATFORMS=cpu',
    timeout=150.0,
  ),
  Check(
    'loopback',
    _loopback,
    'bring `lo` up (ip link set lo up), and let localhost mean 127.0.0.1',
    only_launchpad=True,
  ),
  Check(
    'isolation',
    _isolation,
    'allow user namespaces (BUILD_NOTES.md, "Isolation"), or accept ports '
    'that other hosts can reach with --allow_open_ports',
    only_launchpad=True,
  ),
  Check('EnvPool step', _environment, _INSTALL),
  Check('Reverb round trip', _reverb_round_trip, _INSTALL, only_launchpad=True),
  Check(
    'Launchpad program',
    _launchpad_program,
    'mend what failed above first; BUILD_NOTES.md, "Launchpad"',
    timeout=120.0,
    only_launchpad=True,
  ),
)


def applicable() -> tuple[Check, ...]:
  """The checks that this environment's runs depend on."""
  if locks.has_launchpad():
    return CHECKS
  return tuple(check for check in CHECKS if not check.only_launchpad)


def by_name(name: str) -> Check:
  """Returns the check of that name."""
  return next(check for check in CHECKS if check.name == name)
