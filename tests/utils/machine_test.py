"""What the machine offers, against the operating system's own tools."""

import os
import pathlib
import platform
import socket
import subprocess
import sys

import psutil
import pytest

from attn_agents.utils import cgroup, children, machine
from tests import lingering

_ROOT = pathlib.Path(__file__).parents[2]


def test_describe_agrees_with_psutil_and_platform():
  found = machine.describe()
  assert found.python == platform.python_version()
  assert found.hostname == platform.node()
  models = pathlib.Path('/proc/cpuinfo').read_text()
  # ARM's kernel names no model.
  assert found.cpu in (models if 'model name' in models else platform.machine())
  assert 1 <= found.cores <= psutil.cpu_count()
  assert 0 < found.memory_bytes <= psutil.virtual_memory().total


def test_the_cpu_is_named_by_its_model_or_its_architecture(
  tmp_path, monkeypatch
):
  path = tmp_path / 'cpuinfo'
  monkeypatch.setattr(machine, '_CPU_INFO', path)
  assert machine.describe().cpu == platform.machine()
  assert machine.cpu_info('flags') == ''
  path.write_text(
    'processor\t: 0\nmodel\t\t: 1\nmodel name\t: Some: CPU\n\n'
    'processor\t: 1\nmodel name\t: Another\nflags\t\t: a b\n'
  )
  assert machine.describe().cpu == 'Some: CPU'
  assert machine.cpu_info('flags') == 'a b'
  assert machine.cpu_info('absent') == ''


def test_cores_follow_affinity():
  one = min(os.sched_getaffinity(0))
  code = (
    f'import os; os.sched_setaffinity(0, {{{one}}})\n'
    'from attn_agents.utils import machine; print(machine.describe().cores)'
  )
  done = subprocess.run(
    [sys.executable, '-c', code],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  assert done.stdout == '1\n'


@pytest.mark.parametrize(
  ('limit', 'cores'), [(0.5, 1), (1.9, 1), (2.0, 2), (99.0, 4)]
)
def test_cores_follow_quota(monkeypatch, limit, cores):
  # 0 stands for this process.
  monkeypatch.setattr(
    os, 'sched_getaffinity', lambda pid: {0, 1, 2, 3} if pid == 0 else {0}
  )
  monkeypatch.setattr(cgroup, 'cpu_limit', lambda: limit)
  assert machine.describe().cores == cores


def test_memory_follows_container(monkeypatch):
  monkeypatch.setattr(cgroup, 'memory_limit', lambda: 12345)
  assert machine.describe().memory_bytes == 12345


def test_nothing_here_imports_jax():
  code = (
    'import sys\nfrom attn_agents.utils import machine\n'
    'machine.describe(); machine.probe_devices()\nprint("jax" in sys.modules)'
  )
  done = subprocess.run(
    [sys.executable, '-c', code],
    cwd=_ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    capture_output=True,
    text=True,
    check=True,
  )
  assert done.stdout == 'False\n'


@pytest.fixture
def count_processes(monkeypatch):
  """Lists the commands that `children.run` was given."""
  commands: list[list[str]] = []
  run = children.run

  def recording(command, *args):
    commands.append(command)
    return run(command, *args)

  monkeypatch.setattr(children, 'run', recording)
  return commands


@pytest.mark.parametrize('count', [1, 3])
def test_short_cut_says_what_jax_says(monkeypatch, count_processes, count):
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  monkeypatch.setenv(
    'XLA_FLAGS', f'--xla_force_host_platform_device_count={count}'
  )
  short = machine.probe_devices()
  assert not count_processes
  monkeypatch.setattr(machine, '_only_cpu_possible', lambda: False)
  assert machine.probe_devices() == short
  assert len(count_processes) == 1
  assert short.count == count


def test_plugin_makes_it_ask_jax(monkeypatch):
  monkeypatch.delenv('JAX_PLATFORMS', raising=False)
  monkeypatch.setattr(
    machine, '_PROBE', 'print("noise\\n[\\"gpu\\", 2, \\"X\\"]")'
  )
  spec = machine.importlib.util.find_spec
  monkeypatch.setattr(
    machine.importlib.util,
    'find_spec',
    lambda name: 'found' if name == 'jax_plugins' else spec(name),
  )
  assert machine.probe_devices() == machine.Devices('gpu', 2, 'X')


@pytest.mark.parametrize(
  ('probe', 'reason'),
  [
    (
      'raise OSError("no driver")',
      'JAX ended with 1 (JAX_PLATFORMS=tpu): OSError: no driver',
    ),
    ('import os; os.abort()', 'JAX ended with -6'),
    ('import time; time.sleep(60)', 'did not start within 1 s'),
  ],
)
def test_failures_are_reasons(monkeypatch, probe, reason):
  monkeypatch.setenv('JAX_PLATFORMS', 'tpu')
  monkeypatch.setattr(machine, '_PROBE', probe)
  devices = machine.probe_devices(timeout=1)
  assert devices.count == 0
  assert reason in devices.reason


def test_a_port_is_free_once_its_server_has_ended():
  machine.check_port(lingering.port())
  for host in ('', '127.0.0.1'):
    with (
      socket.create_server((host, 0)) as other,
      pytest.raises(OSError, match='in use'),
    ):
      machine.check_port(other.getsockname()[1])


def test_missing_libraries_are_named_and_nothing_is_imported(monkeypatch):
  looked = []

  def find(name):
    looked.append(name)
    return None if name == 'reverb' else object()

  monkeypatch.setattr(machine.importlib.util, 'find_spec', find)
  assert machine.missing_libraries() == ['Reverb']
  assert looked == ['launchpad', 'reverb']


def test_without_affinities_all_cores_count(monkeypatch):
  monkeypatch.delattr(os, 'sched_getaffinity')
  monkeypatch.setattr(os, 'cpu_count', lambda: 3)
  assert machine.cores_of_affinity() == 3
  # Nor does every system say how many there are.
  monkeypatch.setattr(os, 'cpu_count', lambda: None)
  assert machine.cores_of_affinity() == 1


def test_free_ports_are_distinct_and_can_be_had():
  assert machine.free_ports(0) == []
  ports = machine.free_ports(20)
  assert len(set(ports)) == 20
  assert min(ports) > 1023
  machine.check_port(ports[-1])


_COUNT = '--xla_force_host_platform_device_count'


@pytest.mark.parametrize(
  ('platforms', 'plugin', 'flags', 'cpus'),
  [
    ('cpu', 'jax_plugins', '', 1), ('', '', '', 1),
    # XLA lets the last one win.
    ('', '', f'{_COUNT}=2 --x=7 {_COUNT}=5', 5),
    ('', 'jax_plugins', '', None), ('', 'libtpu', '', None),
    ('tpu', '', '', None),
  ],
)  # fmt: skip
def test_jax_is_asked_unless_only_cpus_are_possible(
  monkeypatch, platforms, plugin, flags, cpus
):
  asked = []

  def run(command, seconds, env):
    asked.append((seconds, env['XLA_PYTHON_CLIENT_PREALLOCATE']))
    return subprocess.CompletedProcess(command, 0, 'x\n["gpu", 2, "X"]\n', '')

  monkeypatch.setattr(children, 'run', run)
  monkeypatch.setattr(
    machine.importlib.util, 'find_spec', lambda name: name == plugin or None
  )
  monkeypatch.setenv('JAX_PLATFORMS', platforms)
  monkeypatch.setenv('XLA_FLAGS', flags)
  found = machine.probe_devices()
  if cpus is not None:
    assert (found, asked) == (machine.Devices('cpu', cpus, 'cpu'), [])
  else:
    assert found == machine.Devices('gpu', 2, 'X')
    # Two minutes; and the memory stays for whoever is to compute.
    assert asked == [(120.0, 'false')]


def test_a_process_that_ends_without_a_word_is_a_reason(monkeypatch):
  monkeypatch.delenv('JAX_PLATFORMS', raising=False)
  monkeypatch.setattr(machine, '_only_cpu_possible', lambda: False)
  monkeypatch.setattr(
    children, 'run',
    lambda command, *_: subprocess.CompletedProcess(command, 3, '', ''),
  )  # fmt: skip
  assert machine.probe_devices() == machine.Devices(
    'cpu', 0, '', 'JAX ended with 3: no message'
  )
