"""A start while a process of the former run of the directory still lives."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import pytest

from attn_agents.distributed import lifecycle
from attn_agents.runs import run_directory
from configs import overrides, resolution
from tests.launch import commands

_START = """
import sys
from attn_agents.distributed import lifecycle
from launch import command_line, run_local
lifecycle.FORMER_RUN_SECONDS = float(sys.argv.pop(1))
sys.exit(command_line.run(run_local.main))
"""


@pytest.fixture(name='run')
def _run(tmp_path):
  """A run with a checkpoint, whose learner is saving another one."""
  request = resolution.Request(
    agent='impala_ff', game='catch', preset='small', runtime='threads'
  )
  run = run_directory.RunDirectory(tmp_path / 'run')
  (run.checkpoints / '7').mkdir(parents=True)
  (run.checkpoints / '8.orbax-checkpoint-tmp').mkdir()
  config = resolution.resolve(request, 'cpu', 1, 2)
  run.write({'config': overrides.to_dict(config)})
  learner = subprocess.Popen(['sleep', '100'])
  lifecycle.StatusFile(run.path, 'learner').set('running')
  (status,) = lifecycle.read_statuses(run.path)
  values = {**dataclasses.asdict(status), 'pid': learner.pid}
  (run.path / 'status' / 'learner-0.json').write_text(json.dumps(values))
  try:
    yield run
    # Nothing of the former run was touched.
    assert learner.poll() is None
    assert (run.checkpoints / '8.orbax-checkpoint-tmp').exists()
    (left,) = lifecycle.left_behind(run.path)
    assert left.pid == learner.pid
    assert not run.logs.exists()
  finally:
    learner.kill()
    learner.wait()


def _start(run, seconds):
  return subprocess.Popen(
    [sys.executable, '-c', _START, str(seconds), '--agent=impala_ff',
     '--game=catch', '--preset=small', '--runtime=threads',
     f'--logdir={run.path}'],
    cwd=commands.LAUNCH.parent, text=True, stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )  # fmt: skip


def test_what_does_not_end_is_named_and_nothing_is_touched(run):
  process = _start(run, 0.5)
  out, err = process.communicate(timeout=60)
  assert (process.returncode, out) == (2, '')
  (line,) = err.strip().splitlines()
  (left,) = lifecycle.left_behind(run.path)
  assert f'learner-0 (pid {left.pid}) of its former run did not end' in line


def test_a_stop_ends_the_wait(run):
  process = _start(run, 600)
  deadline = time.monotonic() + 60
  while not run.is_locked():
    assert time.monotonic() < deadline
    assert process.poll() is None, process.communicate()
    time.sleep(0.05)
  process.send_signal(signal.SIGTERM)
  try:
    out, err = process.communicate(timeout=20)
  finally:
    process.kill()
  assert (process.returncode, err) == (75, '')
  assert out == 'stopped; the last checkpoint stands\n'
