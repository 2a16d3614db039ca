"""The directory of a run: its files, its config, and whether it is in use.

    <logdir>/
      config.json           config, seed, versions, hardware, git commit, and
                            the time and command of each start
      metrics.csv           one row every few seconds
      tensorboard/          the same as event files
      seeds.csv             the seeds of each actor at each of its starts
      checkpoints/          named by learner step
      replay/               what Q-learning samples from, by the same step
      evaluation_curve.csv  scores of checkpoints beside training
      best/                 the checkpoint with the best of these scores
      evaluations/          scores of `launch/evaluate.py`
      logs/                 one file per process
      status/               the status of each process
      hosts/                the same of learner hosts but the first, on a shared
                            disk
      lock                  held by the launching process

Imports no JAX: the launching process only reads configs.
"""

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import IO, Any

from attn_agents.runs import kept_replays
from attn_agents.utils import disk, machine, whole_files
from configs import agents, errors, overrides, schema

# Of config.json and of checkpoints, which both say it. Those of commit 02cacd7
# and before say none, which counts as 1: `conversion` makes 2 of them.
FORMAT = 2

# Their versions can change what a run computes or how it ends.
_PACKAGES = (
  *('jax', 'jaxlib', 'flax', 'optax', 'chex', 'rlax', 'orbax-checkpoint'),
  *('envpool', 'dm-launchpad', 'dm-reverb', 'tensorflow-cpu', 'numpy'),
)
# Of config.json, which gains a line or two with each start.
_MOST_CONFIG_BYTES = 10_000_000
# A file of an evaluation is written in less.
_PARTIAL_SECONDS = 60.0
# Left by a start that was cut short before it wrote config.json.
_CUT_SHORT = ('lock', 'config.partial')
# By which hosts of the run know one another. It may be made before the run, and
# one half made is `keys.<something>`.
KEYS = 'keys'
# Directories of the other learner hosts, on a shared disk.
HOSTS = 'hosts'
# Whoever looks whether a directory is locked holds a lock for a moment.
_LOCK_SECONDS = 1.0


def require_format(content: Mapping[str, Any], logdir: pathlib.Path) -> None:
  """Refuses what another version of this program has written.

  Args:
    content: of config.json, or of a checkpoint's meta part.
    logdir: of the run, for the message.

  Raises:
    ConfigError: it is of an earlier format, with the command that converts it,
      or of a later one, or of none that there is.
  """
  found = content.get('format', 1)
  errors.require(
    isinstance(found, int), f'{logdir}: format', repr(found), 'an integer'
  )
  if found < FORMAT:
    raise errors.ConfigError(
      f'{logdir} is a run of an earlier version; convert it with '
      f'launch/convert.py --run={shlex.quote(str(logdir))}'
    )
  if found > FORMAT:
    raise errors.ConfigError(
      f'{logdir} is a run of a later version (format {found}, this version '
      f'reads {FORMAT}); update this program'
    )


def remove_partial_checkpoints(directory: pathlib.Path) -> None:
  """Removes what was left of checkpoints that were not written to their end.

  Args:
    directory: of checkpoints, to which nobody writes at this moment.
  """
  # Orbax writes under such a name and renames at the end.
  for path in directory.glob('*.orbax-checkpoint-tmp*'):
    shutil.rmtree(path, ignore_errors=True)
    # It may be a file.
    with contextlib.suppress(OSError):
      path.unlink()


class RunDirectory:
  """One run's directory."""

  def __init__(self, path: pathlib.Path | str):
    """Stores the path; reads and writes nothing."""
    self.path = pathlib.Path(path).absolute()
    self._lock: IO[str] | None = None

  @property
  def config_path(self) -> pathlib.Path:
    """The file with the config, and how the run was started."""
    return self.path / 'config.json'

  @property
  def checkpoints(self) -> pathlib.Path:
    """The directory of checkpoints."""
    return self.path / 'checkpoints'

  @property
  def replay(self) -> pathlib.Path:
    """The directory of replays, for algorithms that have one."""
    return self.path / 'replay'

  @property
  def best(self) -> pathlib.Path:
    """The directory of the checkpoint with the best evaluation."""
    return self.path / 'best'

  @property
  def evaluation_curve(self) -> pathlib.Path:
    """The table of scores of checkpoints beside training."""
    return self.path / 'evaluation_curve.csv'

  @property
  def evaluations(self) -> pathlib.Path:
    """The directory of evaluations, one directory for each."""
    return self.path / 'evaluations'

  @property
  def metrics(self) -> pathlib.Path:
    """The table of metrics."""
    return self.path / 'metrics.csv'

  @property
  def logs(self) -> pathlib.Path:
    """The directory of log files, one for each process."""
    return self.path / 'logs'

  def check(self, config: schema.Config) -> bool:
    """Whether the directory holds a run that `config` continues.

    Returns:
      True for a run to continue, False for a new one.

    Raises:
      ConfigError: it holds a run with a different config (the differing fields
        are named) or of another format, or files that are not of a run; or it
        cannot be made or written.
    """
    disk.require_writable('--logdir', self.path)
    if not self.path.exists():
      return False
    if not self.config_path.exists():
      there = {
        p.name
        for p in self.path.iterdir()
        if p.name not in (*_CUT_SHORT, HOSTS) and p.stem != KEYS
      }
      if there:
        raise errors.ConfigError(
          f'--logdir={self.path} holds no run, but other files '
          f'({", ".join(sorted(there)[:3])}); choose an empty or new directory'
        )
      return False
    old = self.content()['config']
    rows = overrides.differences(old, overrides.to_dict(config))
    if rows:
      listed = '; '.join(f'{name}: {a} there, {b} now' for name, a, b in rows)
      raise errors.ConfigError(
        f'--logdir={self.path} belongs to a different config ({listed}); '
        'choose another --logdir or the same settings'
      )
    return True

  def open(self, config: schema.Config, devices: machine.Devices) -> None:
    """Locks the directory for this process and writes config.json.

    Raises:
      ConfigError: another process has locked it.
    """
    self.path.mkdir(parents=True, exist_ok=True)
    self.lock()
    before = self.content() if self.config_path.exists() else {}
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    self._write_even_if_full(
      {
        **{name: before[name] for name in ('converted',) if name in before},
        'config': overrides.to_dict(config),
        'seed': config.seed,
        'git_commit': git_commit(),
        'versions': versions(),
        'hardware': {
          **vars(machine.describe()),
          'device_platform': devices.platform,
          'device_count': devices.count,
          'device_kind': devices.kind,
        },
        'started': [*before.get('started', []), now],
        'commands': [*before.get('commands', []), shlex.join(sys.argv)],
      }
    )
    # Not before: a directory without config.json is not taken for a run's.
    for directory in (self.checkpoints, self.logs):
      directory.mkdir(exist_ok=True)

  def remove_unfinished(self) -> None:
    """Removes what processes left half written when they were killed.

    None of the run's may be alive any more; `launch/evaluate.py` may.
    """
    for directory in (self.checkpoints, self.best):
      remove_partial_checkpoints(directory)
    kept_replays.discard_unfinished(self.replay)
    for path in self.path.glob('*.partial'):
      path.unlink(missing_ok=True)
    # A command that plays for scores may write here at this moment.
    before = time.time() - _PARTIAL_SECONDS
    for path in self.evaluations.rglob('*.partial'):
      with contextlib.suppress(FileNotFoundError):
        if path.stat().st_mtime < before:
          path.unlink()

  def _write_even_if_full(self, content: Mapping[str, Any]) -> None:
    """`write`, with the room of what was left half written."""
    try:
      self.write(content)
    except OSError as error:
      if disk.explained(error, self.path) is None:
        raise
      self.remove_unfinished()
      with disk.explaining(self.path):
        self.write(content)

  def lock(self) -> None:
    """Locks the directory for as long as this object lives.

    Does nothing if this object has locked it.

    Raises:
      ConfigError: another process has locked it.
    """
    if self._lock is not None:
      return
    lock = open(self.path / 'lock', 'w')  # noqa: SIM115
    deadline = time.monotonic() + _LOCK_SECONDS
    while not _locked(lock):
      if time.monotonic() > deadline:
        lock.close()
        raise errors.ConfigError(
          f'--logdir={self.path}: another run is using it at this moment'
        )
      time.sleep(0.05)
    self._lock = lock

  def is_locked(self) -> bool:
    """Whether a process has locked the directory."""
    try:
      with open(self.path / 'lock') as lock:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
      return True
    except OSError:
      return False
    return False

  def write(self, content: Mapping[str, Any]) -> None:
    """Writes config.json in one step; the format is added."""
    partial = self.path / 'config.partial'
    text = json.dumps({**content, 'format': FORMAT}, indent=2)
    partial.write_text(text + '\n')
    os.replace(partial, self.config_path)

  def content(self) -> dict[str, Any]:
    """What config.json says.

    Raises:
      ConfigError: it is of another format, or damaged.
    """
    content = self.content_of_any_format()
    require_format(content, self.path)
    path = self.config_path
    config = content.get('config')
    if not isinstance(config, dict):
      raise errors.ConfigError(
        f'{path} is damaged: expected a config, an object in braces'
      )
    for name in ('agent', 'preset', 'algorithm'):
      if not isinstance(config.get(name), str):
        raise errors.ConfigError(
          f'{path} is damaged: expected a config with the name of its {name}'
        )
    return content

  def content_of_any_format(self) -> dict[str, Any]:
    """What config.json says, whichever version wrote it.

    Raises:
      ConfigError: it is damaged.
    """
    path = self.config_path
    try:
      if (size := path.stat().st_size) > _MOST_CONFIG_BYTES:
        raise ValueError(f'{size:,} bytes')
      content = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
      raise errors.ConfigError(f'{path} is damaged: {error}') from error
    if not isinstance(content, dict):
      raise errors.ConfigError(
        f'{path} is damaged: expected an object in braces'
      )
    return content

  def config(self) -> schema.Config:
    """The run's config, as config.json says it.

    Raises:
      ConfigError: config.json is of another format, or has other fields than
        the configs of this version.
    """
    values = self.content()['config']
    try:
      return to_config(values)
    except errors.ConfigError as error:
      raise errors.ConfigError(f'{self.config_path}: {error}') from error

  def starts(self) -> int:
    """How often the run has been started, this time included."""
    return len(self.content()['started'])

  def record_seeds(self, **row: int) -> None:
    """Adds a line to seeds.csv; safe to call from several processes.

    Raises:
      StorageError: it cannot be written.
    """
    path = self.path / 'seeds.csv'
    text = ','.join(str(value) for value in row.values()) + '\n'
    with disk.explaining(self.path), open(path, 'ab') as file:
      fcntl.flock(file, fcntl.LOCK_EX)
      if not path.stat().st_size:
        text = ','.join(row) + '\n' + text
      whole_files.append(file.fileno(), text.encode())


def _locked(file: IO[str]) -> bool:
  """Locks a file if nobody else has; whether that worked."""
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError:
    return False
  return True


def to_config(values: Mapping[str, Any]) -> schema.Config:
  """The config of which `overrides.to_dict` made these values.

  Raises:
    ConfigError: this version has no such agent, preset, algorithm or field.
  """
  agent, preset = values['agent'], values['preset']
  if agent not in agents.AGENTS:
    raise errors.unknown('agent', agent, agents.AGENTS)
  if preset not in agents.AGENTS[agent]:
    raise errors.unknown(f'preset of {agent}', preset, agents.AGENTS[agent])
  template = agents.make(agent, preset, values['algorithm'])
  return overrides.from_dict(template, values)


def versions() -> dict[str, str]:
  """Of the packages that can change what a run computes."""
  found = {}
  for package in _PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def git_commit() -> str:
  """The checkout's commit, with '+' if files differ from it; '' if unknown."""
  root = pathlib.Path(__file__).parents[2]

  def git(*args: str) -> str:
    return subprocess.run(
      ['git', '-C', str(root), *args],
      capture_output=True,
      text=True,
      check=True,
    ).stdout.strip()

  try:
    return git('rev-parse', 'HEAD') + ('+' if git('status', '-s') else '')
  except (OSError, subprocess.CalledProcessError):
    return ''
