"""What this machine offers: cores, memory, free ports, and JAX devices.

Imports no JAX, so that a launcher can ask and stay free of accelerator memory
and threads.
"""

import dataclasses
import importlib.util
import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys

from attn_agents.utils import batch_job, cgroup, children

# What only the Launchpad runtime needs.
_LAUNCHPAD_LIBRARIES = {'launchpad': 'Launchpad', 'reverb': 'Reverb'}

_CPU_INFO = pathlib.Path('/proc/cpuinfo')

_PROBE = """
import json, jax
devices = jax.local_devices()
print(json.dumps([jax.default_backend(), len(devices), devices[0].device_kind]))
"""


@dataclasses.dataclass(frozen=True)
class Machine:
  """The host as this process may use it.

  Attributes:
    cpu: the processor's model, or its architecture if the system does not say.
    cores: CPUs this process may run on, >= 1: its affinity, cut to whole cores
      by a container's CPU quota, and to those of a job of Slurm.
    memory_bytes: physical memory, or the limit of a container or of a job of
      Slurm if that is smaller.
    hostname: the host's name.
    platform: operating system, architecture and C library.
    python: version of the interpreter, e.g. '3.10.13'.
  """

  cpu: str
  cores: int
  memory_bytes: int
  hostname: str
  platform: str
  python: str


@dataclasses.dataclass(frozen=True)
class Devices:
  """The devices JAX computes on by default in a process of this machine.

  Attributes:
    platform: 'cpu', 'gpu' or 'tpu'.
    count: devices of one process; 0 if and only if `reason` is set.
    kind: the device's model as JAX names it, e.g. 'NVIDIA H200'.
    reason: why JAX could not be asked; '' if it answered.
  """

  platform: str
  count: int
  kind: str
  reason: str = ''


def describe() -> Machine:
  """Returns what this process may use of its host."""
  physical = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
  return Machine(
    cpu=cpu_info('model name') or platform.machine(),
    cores=cores(),
    memory_bytes=int(
      min(physical, cgroup.memory_limit(), batch_job.memory_limit(os.environ))
    ),
    hostname=socket.gethostname(),
    platform=platform.platform(),
    python=platform.python_version(),
  )


def cpu_info(name: str) -> str:
  """The first CPU's entry of that name; '' if there is none."""
  try:
    lines = _CPU_INFO.read_text().splitlines()
  except OSError:
    return ''
  for text in lines:
    key, _, value = text.partition(':')
    if key.strip() == name:
      return value.strip()
  return ''


def cores() -> int:
  """CPUs this process may use, >= 1; see `Machine.cores`."""
  # A fraction of a core is not worth a process that gets throttled for it.
  limit = min(cgroup.cpu_limit(), batch_job.cpu_limit(os.environ))
  return max(1, int(min(limit, cores_of_affinity())))


def cores_of_affinity() -> int:
  """CPUs this process may run on, whatever its quota."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  # macOS has no affinities.
  return os.cpu_count() or 1


def free_ports(count: int) -> list[int]:
  """Distinct ports that nobody listens on at the moment.

  They are bound all together, so that none is returned twice, and released
  before this returns: another process may take one of them first.
  """
  sockets = [socket.socket() for _ in range(count)]
  try:
    for probe in sockets:
      probe.bind(('', 0))
    return [probe.getsockname()[1] for probe in sockets]
  finally:
    for probe in sockets:
      probe.close()


def check_port(port: int) -> None:
  """Looks whether a server can listen on a port, on all addresses.

  One is free again as soon as its server has ended: connections that wait for
  their last packets (TIME_WAIT, a minute) do not count. Servers with
  SO_REUSEPORT, gRPC's among them, would share a taken port without a word.

  Raises:
    OSError: somebody listens there, or this process may not.
  """
  with socket.socket() as probe:
    # As gRPC does; but not SO_REUSEPORT.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(('', port))
    probe.listen()


def missing_libraries() -> list[str]:
  """Libraries of the Launchpad runtime that are missing; imports nothing."""
  return [
    name
    for module, name in _LAUNCHPAD_LIBRARIES.items()
    if importlib.util.find_spec(module) is None
  ]


def probe_devices(timeout: float = 120.0) -> Devices:
  """Returns the devices JAX would use here.

  JAX is asked in a process of its own, which takes 2 to 20 seconds, unless
  nothing but CPUs can be the answer.

  Args:
    timeout: seconds after which it gives up.

  Returns:
    The devices, or `reason`. A driver that hangs or crashes does not harm this
    process.
  """
  if _only_cpu_possible():
    return Devices('cpu', _simulated_cpu_devices(), 'cpu')
  try:
    done = children.run(
      [sys.executable, '-c', _PROBE],
      timeout,
      {**os.environ, 'XLA_PYTHON_CLIENT_PREALLOCATE': 'false'},
    )
  except subprocess.TimeoutExpired:
    return Devices('cpu', 0, '', f'JAX did not start within {timeout:g} s')
  if done.returncode:
    lines = done.stderr.strip().splitlines() or ['no message']
    asked = os.environ.get('JAX_PLATFORMS')
    where = f' (JAX_PLATFORMS={asked})' if asked else ''
    reason = f'JAX ended with {done.returncode}{where}: {lines[-1]}'
    return Devices('cpu', 0, '', reason)
  # Plugins may print to stdout while they load.
  name, count, kind = json.loads(done.stdout.strip().splitlines()[-1])
  return Devices(name, count, kind)


def _only_cpu_possible() -> bool:
  platforms = os.environ.get('JAX_PLATFORMS', '')
  if platforms == 'cpu':
    return True
  # Accelerators come as plugins: CUDA's in the jax_plugins namespace.
  plugins = ('jax_plugins', 'libtpu')
  return not platforms and not any(map(importlib.util.find_spec, plugins))


def _simulated_cpu_devices() -> int:
  flag = re.compile(r'--xla_force_host_platform_device_count=(\d+)')
  counts = flag.findall(os.environ.get('XLA_FLAGS', ''))
  # XLA lets the last one win.
  return int(counts[-1]) if counts else 1
