"""Starts `launch/run_local.py` as a user would, and looks at what it does."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.distributed import lifecycle
from attn_agents.runs import checkpoints
from attn_agents.utils import machine, metrics_table

NEEDS_LAUNCHPAD = pytest.mark.skipif(
  bool(machine.missing_libraries()), reason='Launchpad is not installed'
)

ROOT = pathlib.Path(__file__).parents[2]

# Small enough to compile in seconds; the program around it is the real one.
TINY = [
  '--preset=small',
  '--num_actors=2',
  '--envs_per_actor=4',
  '--set=environment.height=42',
  '--set=environment.width=42',
  '--set=network.conv_channels=8,16',
  '--set=network.vision_channels=16',
  '--set=network.query_hidden=32',
  '--set=network.answer_hidden=32',
  '--set=network.policy_core_size=32',
  '--set=network.head_hidden=16',
  '--set=learning.unroll_length=10',
  '--set=learning.batch_size=8',
  '--set=runtime.log_every_seconds=0.5',
]

TINY_CATCH = [
  '--agent=impala_ff',
  '--game=catch',
  '--preset=small',
  '--num_actors=2',
  '--envs_per_actor=4',
  '--set=environment.height=20',
  '--set=environment.width=10',
  '--set=network.channels=4,8',
  '--set=network.hidden_size=16',
  '--set=learning.unroll_length=10',
  '--set=learning.batch_size=8',
  '--set=runtime.log_every_seconds=0.5',
  '--set=runtime.checkpoint_every_seconds=2',
]

TINY_REPLAY = [
  '--agent=drqn',
  '--game=catch',
  '--preset=small',
  '--envs_per_actor=4',
  '--set=environment.height=20',
  '--set=environment.width=10',
  '--set=network.conv_channels=4,8',
  '--set=network.conv_kernels=4,3',
  '--set=network.conv_strides=2,1',
  '--set=network.hidden_size=16',
  '--set=network.lstm_size=16',
  '--set=learning.replay_capacity=5000',
  '--set=learning.replay_min_size=500',
  '--set=runtime.log_every_seconds=0.5',
]


def environment(root: pathlib.Path) -> dict[str, str]:
  """That of a command of a checkout."""
  made = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
  # What is installed beside the interpreter is this checkout.
  return made if root == ROOT else {**made, 'PYTHONPATH': str(root)}


def other_commit(path: pathlib.Path) -> pathlib.Path:
  """A checkout of the same files that is one commit ahead."""
  git = ['git', '-c', 'user.name=a', '-c', 'user.email=a@b']
  made = subprocess.run(
    [*git, 'clone', '--quiet', '--shared', str(ROOT), str(path)], check=False
  )
  if made.returncode:
    pytest.skip('this is no checkout of git')
  for name in ('attn_agents', 'configs', 'launch'):
    shutil.copytree(
      ROOT / name, path / name, dirs_exist_ok=True,
      ignore=shutil.ignore_patterns('__pycache__'),
    )  # fmt: skip
  subprocess.run([*git, '-C', str(path), 'add', '--all'], check=True)
  subprocess.run(
    [*git, '-C', str(path), 'commit', '--quiet', '--allow-empty', '-mother'],
    check=True,
  )
  return path


class LocalRun:
  """One `run_local` process and everything below it."""

  script = 'run_local'
  root = ROOT

  def __init__(self, logdir, *args: str):
    self.logdir = pathlib.Path(logdir)
    self.output = self.logdir.parent / f'{self.logdir.name}.out'
    with open(self.output, 'a') as output:
      self.process = subprocess.Popen(
        [
          sys.executable,
          str(self.root / 'launch' / f'{self.script}.py'),
          f'--logdir={logdir}',
          *args,
        ],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment(self.root),
      )
    # Seen over the run's life, to look for orphans at its end.
    self._descendants: dict[int, psutil.Process] = {}

  def text(self) -> str:
    return self.output.read_text()

  def refusal(self) -> str:
    """The one line of bad input."""
    (line,) = [x for x in self.text().splitlines() if x.startswith('error')]
    return line

  def last_line(self) -> str:
    return self.text().strip().splitlines()[-1]

  def rows(self) -> list[metrics_table.Row]:
    return metrics_table.read(self.logdir / 'metrics.csv')

  def status(self, name: str) -> lifecycle.Status | None:
    statuses = lifecycle.read_statuses(self.logdir)
    return next((s for s in statuses if s.name == name), None)

  def launcher(self) -> psutil.Process:
    for child in psutil.Process(self.process.pid).children():
      if 'attn_agents.distributed.' in ' '.join(child.cmdline()):
        return child
    raise AssertionError('no launcher')

  def wait_until(self, condition, timeout: float = 120.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
      self._note_descendants()
      if self.process.poll() is not None:
        raise AssertionError(f'run_local ended early:\n{self.text()}')
      if time.monotonic() > deadline:
        self.kill_everything()
        raise AssertionError(f'waited {timeout} s in vain:\n{self.text()}')
      time.sleep(0.25)

  def wait_until_learning(self, updates: int = 2) -> None:
    before = len(self.rows())
    self.wait_until(lambda: len(self.rows()) >= before + updates)

  def end(self, timeout: float) -> int:
    """Waits for the exit code."""
    deadline = time.monotonic() + timeout
    while self.process.poll() is None:
      self._note_descendants()
      if time.monotonic() > deadline:
        self.kill_everything()
        raise AssertionError(
          f'run_local did not end in {timeout} s:\n{self.text()}'
        )
      time.sleep(0.25)
    return self.process.returncode

  def newest(self) -> int | None:
    """The step of its newest checkpoint."""
    manager = checkpoints.Checkpointer(self.logdir / 'checkpoints')
    try:
      return manager.newest()
    finally:
      manager.close()

  def orphans(self, patience: float = 2.0, least: int = 4) -> list[str]:
    """Command lines of descendants, `least` or more, that outlived the run."""
    assert len(self._descendants) >= least, 'nothing was watched'
    deadline = time.monotonic() + patience
    while True:
      alive = [p for p in self._descendants.values() if _is_alive(p)]
      if not alive or time.monotonic() > deadline:
        return [' '.join(p.cmdline()) for p in alive]
      time.sleep(0.1)

  def kill_everything(self) -> None:
    """kill -9 of the whole tree."""
    self._note_descendants()
    for process in [psutil.Process(self.process.pid), *self._alive()]:
      try:
        process.send_signal(signal.SIGKILL)
      except psutil.NoSuchProcess:
        continue
    self.process.wait(10)

  def _alive(self) -> list[psutil.Process]:
    return [p for p in self._descendants.values() if _is_alive(p)]

  def _note_descendants(self) -> None:
    try:
      parent = psutil.Process(self.process.pid)
      for child in parent.children(recursive=True):
        self._descendants[child.pid] = child
    except psutil.NoSuchProcess:
      return


def loaded(process: psutil.Process, *packages: str) -> set[str]:
  """Which of `packages` the process has shared libraries of."""
  paths = [m.path for m in process.memory_maps()]
  return {p for p in packages if any(f'/{p}/' in path for path in paths)}


def _is_alive(process: psutil.Process) -> bool:
  try:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
  except psutil.NoSuchProcess:
    return False
