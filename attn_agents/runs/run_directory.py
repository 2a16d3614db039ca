"""What a run leaves on disk, and whether it may be continued there.

    <logdir>/
      config.json     the full config, seeds, versions, hardware, git commit,
                    and when and by which command it was started
      metrics.csv     one row every few seconds
      seeds.csv       of each actor at each of its starts
      tensorboard/    the same as event files
      checkpoints/    Orbax, named by learner step
      replay/         what Q-learning samples from, by the same step
      logs/           one file per process
      status/         the last word of each process

Imports no JAX: the launching process only looks.
"""

import datetime
import fcntl
import importlib.metadata
import json
import os
import pathlib
import shlex
import subprocess
import sys
from typing import IO, Any

from attn_agents.utils import machine
from configs import agents, errors, overrides, schema

# Those whose version can change what a run computes or how it ends.
_PACKAGES = (
  'jax', 'jaxlib', 'flax', 'optax', 'chex', 'rlax', 'envpool', 'dm-launchpad',
  'dm-reverb', 'tensorflow-cpu', 'orbax-checkpoint', 'numpy',
)  # fmt: skip


class RunDirectory:
  """One run's directory."""

  def __init__(self, path: pathlib.Path | str):
    """Only remembers the path."""
    self.path = pathlib.Path(path).absolute()
    self._lock: IO[str] | None = None

  @property
  def checkpoints(self) -> pathlib.Path:
    """Where the checkpoints are."""
    return self.path / 'checkpoints'

  @property
  def replay(self) -> pathlib.Path:
    """Where the replay is kept, for algorithms that have one."""
    return self.path / 'replay'

  @property
  def best(self) -> pathlib.Path:
    """Where the checkpoint with the best evaluation is."""
    return self.path / 'best'

  @property
  def evaluation_curve(self) -> pathlib.Path:
    """The table of scores beside training."""
    return self.path / 'evaluation_curve.csv'

  @property
  def evaluations(self) -> pathlib.Path:
    """Where scores go, a directory for each evaluation."""
    return self.path / 'evaluations'

  @property
  def metrics(self) -> pathlib.Path:
    """The table of metrics."""
    return self.path / 'metrics.csv'

  @property
  def logs(self) -> pathlib.Path:
    """One file per process."""
    return self.path / 'logs'

  def check(self, config: schema.Config) -> bool:
    """Whether the directory holds a run that `config` continues.

    Returns:
      True for a run to continue, False for a new one.

    Raises:
      ConfigError: it belongs to a different config (the differing fields are
        named), or to something that is no run at all.
    """
    if not self.path.exists():
      return False
    if not self.path.is_dir():
      raise errors.ConfigError(f'--logdir={self.path}: expected a directory')
    path = self.path / 'config.json'
    if not path.exists():
      ours = ('lock', 'config.partial')
      left = sorted(p.name for p in self.path.iterdir() if p.name not in ours)
      if left:
        raise errors.ConfigError(
          f'--logdir={self.path} holds no run, but other files '
          f'({", ".join(left[:3])}); choose an empty or new directory'
        )
      return False
    old = self._values()
    rows = overrides.differences(old, overrides.to_dict(config))
    if rows:
      listed = '; '.join(f'{name}: {a} there, {b} now' for name, a, b in rows)
      raise errors.ConfigError(
        f'--logdir={self.path} belongs to a different config ({listed}); '
        'choose another --logdir or the same settings'
      )
    return True

  def open(self, config: schema.Config, devices: machine.Devices) -> None:
    """Takes the directory for this process and writes config.json.

    Raises:
      ConfigError: another process is running there.
    """
    self.path.mkdir(parents=True, exist_ok=True)
    # Held for as long as this object lives.
    self._lock = open(self.path / 'lock', 'w')  # noqa: SIM115
    try:
      fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
      raise errors.ConfigError(
        f'--logdir={self.path}: another run is using it at this moment'
      ) from None
    path = self.path / 'config.json'
    before = self._read() if path.exists() else {}
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    content = {
      'config': overrides.to_dict(config),
      'seed': config.seed,
      'git_commit': _git_commit(),
      'versions': _versions(),
      'hardware': {
        **vars(machine.describe()),
        'device_platform': devices.platform,
        'device_count': devices.count,
        'device_kind': devices.kind,
      },
      'started': [*before.get('started', []), now],
      'commands': [*before.get('commands', []), shlex.join(sys.argv)],
    }
    partial = self.path / 'config.partial'
    partial.write_text(json.dumps(content, indent=2) + '\n')
    os.replace(partial, path)
    # Only now: a directory without config.json would count as no run's.
    for directory in (self.checkpoints, self.logs):
      directory.mkdir(exist_ok=True)

  def config(self) -> schema.Config:
    """The run's config, as its processes read it.

    Raises:
      ConfigError: config.json is not of this version of the program.
    """
    values = self._values()
    template = agents.make(
      values['agent'], values['preset'], values['algorithm']
    )
    return overrides.from_dict(template, values)

  def starts(self) -> int:
    """How often the run has been started, the present time included."""
    return len(self._read()['started'])

  def record_seeds(self, **row: int) -> None:
    """Adds a line to seeds.csv; actors of several processes may do so."""
    path = self.path / 'seeds.csv'
    with open(path, 'a') as file:
      fcntl.flock(file, fcntl.LOCK_EX)
      if not path.stat().st_size:
        file.write(','.join(row) + '\n')
      file.write(','.join(str(value) for value in row.values()) + '\n')

  def _values(self) -> dict[str, Any]:
    return overrides.complete(self._read()['config'])

  def _read(self) -> dict[str, Any]:
    return json.loads((self.path / 'config.json').read_text())


def _versions() -> dict[str, str]:
  found = {}
  for package in _PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def _git_commit() -> str:
  """The checkout's commit, with '+' if files differ from it; '' if unknown."""
  root = pathlib.Path(__file__).parents[2]

  def git(*args: str) -> str:
    return subprocess.run(
      ['git', '-C', str(root), *args],
      capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip

  try:
    return git('rev-parse', 'HEAD') + ('+' if git('status', '-s') else '')
  except (OSError, subprocess.CalledProcessError):
    return ''
