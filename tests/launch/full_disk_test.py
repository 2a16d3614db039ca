"""A run on a disk that fills up and gets room again.

The disk is a tmpfs of a few MB in a mount namespace of the run's own.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from attn_agents.distributed import lifecycle
from attn_agents.runs import saved_runs
from attn_agents.utils import metrics_table
from tests.launch import running

_SIZE = 12_000_000


def _can_mount():
  command = ['unshare', '-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']
  with contextlib.suppress(OSError):
    return not subprocess.run(
      command, capture_output=True, check=False
    ).returncode
  return False


pytestmark = pytest.mark.skipif(
  not _can_mount(), reason='this system lets nobody mount a tmpfs'
)


class _Run:
  """Starts of `run_local` in `directory`, on a disk of its own."""

  def __init__(self, directory):
    self._directory = directory
    self._output = directory.parent / 'output'
    # Keeps the disk between two starts.
    self._keeper = subprocess.Popen(
      ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size="$1" none "$2" && '
       'echo ready && exec cat', 'sh', str(_SIZE), str(directory)],
      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert self._keeper.stdout.readline() == 'ready\n'
    self.disk = pathlib.Path(f'/proc/{self._keeper.pid}/root{directory}')
    self.logdir = self.disk / 'run'
    self.process = None

  def start(self, *args):
    enter = ('nsenter', f'--target={self._keeper.pid}', '-U', '-m',
             '--preserve-credentials')  # fmt: skip
    with open(self._output, 'w') as output:
      self.process = subprocess.Popen(
        [*enter, sys.executable, running.ROOT / 'launch' / 'run_local.py',
         f'--logdir={self._directory}/run', *running.TINY_CATCH, *args],
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        cwd=running.ROOT,
      )  # fmt: skip

  def close(self):
    if self.process is not None:
      self.process.kill()
    self._keeper.kill()
    self._keeper.wait()

  def end(self, number=None):
    """The exit code, and the last line."""
    if number is not None:
      self.process.send_signal(number)
    code = self.process.wait(90)
    return code, self._output.read_text().strip().splitlines()[-1]

  def fill(self):
    with contextlib.suppress(OSError), open(self.disk / 'big', 'ab') as file:
      while True:
        os.write(file.fileno(), bytes(4096))

  def fill_between_tries(self):
    """Also takes what a try to save gave back that was in progress."""
    directory = self.logdir / 'checkpoints'

    def look():
      changed = directory.stat().st_mtime_ns
      if self.unfinished():
        return False
      self.fill()
      return changed == directory.stat().st_mtime_ns

    self.wait_until(look)

  def make_room(self):
    (self.disk / 'big').unlink()

  def wait_until(self, condition, timeout=120):
    deadline = time.monotonic() + timeout
    while not condition():
      assert self.process.poll() is None, self._output.read_text()
      assert time.monotonic() < deadline, self._output.read_text()
      time.sleep(0.1)

  def rows(self):
    return metrics_table.read(self.logdir / 'metrics.csv')

  def wait_for_tries(self, number):
    """Until so many tries to save have left a directory as it was."""
    directory = self.logdir / 'checkpoints'
    seen = {directory.stat().st_mtime_ns}

    def look():
      changed = directory.stat().st_mtime_ns
      if not self.unfinished() and changed == directory.stat().st_mtime_ns:
        seen.add(changed)
      return len(seen) > number

    self.wait_until(look)

  def steps(self):
    return saved_runs.steps(self.logdir / 'checkpoints')

  def learner(self):
    statuses = lifecycle.read_statuses(self.logdir)
    return next((s for s in statuses if s.name == 'learner-0'), None)

  def unfinished(self):
    return [str(p) for p in self.logdir.rglob('*') if 'tmp' in p.name]


@pytest.fixture
def run(tmp_path):
  directory = tmp_path / 'disk'
  directory.mkdir()
  made = _Run(directory)
  yield made
  made.close()


@pytest.mark.parametrize(
  'runtime',
  [
    'threads',
    pytest.param(
      'launchpad', marks=[running.NEEDS_LAUNCHPAD, pytest.mark.slow]
    ),
  ],
)
def test_a_run_outlives_a_full_disk(run, runtime):
  args = (f'--runtime={runtime}', '--set=runtime.checkpoint_every_seconds=1')
  run.start(*args)
  run.wait_until(lambda: run.steps() and len(run.rows()) > 3)
  run.fill()
  run.wait_until(lambda: 'no checkpoint is saved' in run.learner().detail)
  said = run.learner().detail
  assert f'no room in {run._directory}/run/checkpoints (about ' in said
  assert ' are needed, ' in said and ' are free)' in said
  run.fill_between_tries()
  run.wait_until(lambda: 'metrics.csv waits: ' in run.learner().detail)
  before, last = run.steps(), run.rows()[-1]['wall_time']
  start = time.monotonic()
  run.wait_for_tries(4)
  assert run.learner().state == 'running'
  assert run.steps() == before
  # Between two tries.
  run.wait_until(lambda: not run.unfinished())
  # It learns on meanwhile; its rows come when there is room.
  assert run.rows()[-1]['wall_time'] == last
  lasted = time.monotonic() - start
  run.make_room()
  run.wait_until(lambda: run.steps() > before)
  run.wait_until(lambda: run.learner().detail == 'training')
  # A row is due between any two tries. Rows from after there was room are more
  # than `lasted` later than the last from before.
  times = [row['wall_time'] for row in run.rows()]
  assert sum(last < time < last + lasted for time in times) >= 2
  # A stop on a full disk: the last line has the cause, and nothing is half
  # written.
  run.fill()
  stands = run.steps()
  code, line = run.end(signal.SIGTERM)
  assert code == 1
  assert line.startswith('failed: learner-0: StorageError: no room in ')
  assert f'{run._directory}/run/checkpoints (about ' in line
  assert '; checkpoint saved at ' in line, 'of the last one there is'
  assert run.steps() == stands
  # Another start on the full disk is one line; then it goes on, and removes
  # what a kill has left.
  run.start(*args)
  code, line = run.end()
  assert code == 1
  assert line.startswith(f'failed: no room in {run._directory}/run (')
  run.make_room()
  left = run.logdir / 'checkpoints' / '999.orbax-checkpoint-tmp'
  left.mkdir()
  run.start(*args)
  run.wait_until(lambda: len(run.steps()) > 1 and run.steps()[-1] > stands[-1])
  assert not left.exists()
  code, line = run.end(signal.SIGINT)
  assert (code, line.partition(' saved')[0]) == (0, 'stopped; checkpoint')
