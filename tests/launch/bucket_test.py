"""A run in a bucket, as a user would start it on machines that lose disks."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import metrics_table
from tests.launch import running
from tests.runs.buckets import servers

_RUN = str(running.ROOT / 'launch' / 'run_local.py')


@pytest.fixture(name='environment', params=['s3', 'gs'])
def _environment(request):
  with servers.SERVERS[request.param]() as environment:
    yield request.param, {**os.environ, **environment}


class Machine:
  """Where runs are started; its disk is a directory."""

  def __init__(self, disk, address: str, environment: dict[str, str]):
    self._disk, self._environment = disk, environment
    self._disk.mkdir(exist_ok=True)
    self._address = address
    scheme, path = address.split('://')
    self.run = run_directory.RunDirectory(disk / 'runs' / scheme / path)
    self.text = ''

  def start(self, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
      [sys.executable, _RUN, *running.TINY_CATCH, *args,
       f'--logdir={self._address}'],
      cwd=self._disk, env=self._environment, text=True,
      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
    )  # fmt: skip

  def end(self, process: subprocess.Popen[str], number: int = 0) -> int:
    if number:
      process.send_signal(number)
    self.text, _ = process.communicate(timeout=120)
    return process.returncode

  def lose_disk(self) -> None:
    shutil.rmtree(self._disk)
    self._disk.mkdir()


def _stopped_by_machine(machine, after: int, *args) -> list[metrics_table.Row]:
  """Starts a run, stops it after a step and a checkpoint; its rows."""
  process = machine.start(*args)
  deadline = time.monotonic() + 100
  while (saved_runs.newest(machine.run) or 0) <= after:
    assert process.poll() is None, machine.end(process)
    assert time.monotonic() < deadline
    time.sleep(0.2)
  assert machine.end(process, signal.SIGTERM) == 75, machine.text
  last = machine.text.strip().splitlines()[-1]
  assert last.startswith('stopped; checkpoint saved at '), machine.text
  assert last.endswith(' has it'), machine.text
  return metrics_table.read(machine.run.metrics)


def _goes_on_after_the_disk_is_lost(tmp_path, environment, *args) -> None:
  scheme, variables = environment
  address = f'{scheme}://{servers.BUCKET}/runs/try'
  machine = Machine(tmp_path / 'disk', address, variables)
  rows = _stopped_by_machine(machine, 0, *args)
  step = saved_runs.newest(machine.run)
  machine.lose_disk()
  again = _stopped_by_machine(machine, step, *args)
  assert f'bucket    {address} (checkpoint {step} was copied)' in machine.text
  assert again[: len(rows)] == rows
  assert again[len(rows)]['frames'] > rows[-1]['frames']
  assert machine.run.starts() == 2


@pytest.mark.parametrize('environment', ['s3'], indirect=True)
def test_a_run_goes_on_after_its_disk_is_lost(tmp_path, environment):
  _goes_on_after_the_disk_is_lost(tmp_path, environment, '--runtime=threads')


@pytest.mark.slow
@running.NEEDS_LAUNCHPAD
def test_a_run_that_is_cut_off_the_network_has_a_bucket(tmp_path, environment):
  _goes_on_after_the_disk_is_lost(tmp_path, environment, '--runtime=launchpad')
