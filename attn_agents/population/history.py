"""The history of a population: every decision, from which it can be replayed.

    <root>/population.json   what was asked for, written once
    <root>/history.jsonl     one line for each decision, in their order

Whoever decides holds a lock, so that each line follows from the lines before it
(`decisions.replay`).
"""

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from attn_agents.population import decisions
from attn_agents.utils import disk, whole_files
from configs import errors

# A line counts from its end on; a kill may leave half of the last.
_NEWLINE = b'\n'


class History:
  """The files of a population's history."""

  def __init__(self, root: pathlib.Path | str):
    """Stores the directory; reads and writes nothing."""
    self.root = pathlib.Path(root).absolute()

  @property
  def _header(self) -> pathlib.Path:
    return self.root / 'population.json'

  @property
  def _log(self) -> pathlib.Path:
    return self.root / 'history.jsonl'

  def exists(self) -> bool:
    """Whether there is a population."""
    return self._header.is_file()

  def check(self, population: decisions.Population) -> None:
    """Raises `ConfigError` if the directory is of another population.

    More frames are asked of the same one.
    """
    if not self.exists():
      return
    there, now = _plain(self.population()), _plain(population)
    there['max_frames'] = max(there['max_frames'], now['max_frames'])
    # Of the flags, only those that differ.
    flags = there.pop('arguments'), now.pop('arguments')
    rows = [
      f'{x}: {there[x]} there, {now[x]} now' for x in now if there[x] != now[x]
    ]
    for place, these, those in (('there', *flags), ('now', *flags[::-1])):
      rows += [f'{x} only {place}' for x in these if x not in those]
    if rows or flags[0] != flags[1]:
      listed = '; '.join(rows) or 'flags in another order'
      raise errors.ConfigError(
        f'--root={self.root} belongs to a different population ({listed}); '
        'choose another --root or the same flags'
      )

  def create(self, population: decisions.Population) -> None:
    """Writes what was asked for, if that, or as many frames, is not there yet.

    Raises:
      ConfigError: the directory is of another population.
      StorageError: it cannot be written.
    """
    with disk.explaining(self.root):
      self.root.mkdir(parents=True, exist_ok=True)
      with self.lock():
        self.check(population)
        if not self.exists() or self.population() != population:
          with whole_files.replacing(self._header) as path:
            path.write_text(json.dumps(_plain(population), indent=2) + '\n')

  def population(self) -> decisions.Population:
    """What was asked for.

    Raises:
      ConfigError: there is no population, or its file is damaged.
    """
    if not self.exists():
      raise errors.ConfigError(
        f'--root={self.root} holds no population: expected a directory of '
        'launch/run_population.py'
      )
    try:
      content = json.loads(self._header.read_text())
      return decisions.Population(
        **{**content, 'arguments': tuple(content['arguments'])}
      )
    except (ValueError, TypeError, KeyError) as error:
      raise errors.ConfigError(f'{self._header} is damaged: {error}') from error

  def entries(self) -> list[decisions.Entry]:
    """All decisions, in their order.

    Raises:
      ConfigError: the file is damaged.
    """
    if not self._log.exists():
      return []
    whole = self._log.read_bytes().rpartition(_NEWLINE)[0]
    found = []
    for number, line in enumerate(whole.splitlines(), 1):
      try:
        content = json.loads(line)
        if content['fitness'] is None:
          content['fitness'] = math.nan
        found.append(decisions.Entry(**content))
      except (ValueError, TypeError, KeyError) as error:
        raise errors.ConfigError(
          f'{self._log} is damaged in line {number}: {error}'
        ) from error
    return found

  def record(self) -> decisions.Record:
    """All decisions, by member; for errors see `entries`."""
    return decisions.Record(self.population(), self.entries())

  def append(self, entry: decisions.Entry) -> None:
    """Adds a decision; the caller holds the lock.

    Raises:
      StorageError: it cannot be written; the file is as it was.
    """
    line = (
      json.dumps(decisions.to_json(entry), allow_nan=False).encode() + _NEWLINE
    )
    with disk.explaining(self.root):
      file = os.open(self._log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
      try:
        # What a kill left of a line.
        size = os.fstat(file).st_size
        whole = os.pread(file, size, 0).rfind(_NEWLINE) + 1
        if whole < size:
          os.ftruncate(file, whole)
        whole_files.append(file, line)
        os.fsync(file)
      finally:
        os.close(file)

  @contextlib.contextmanager
  def lock(self) -> Iterator[None]:
    """Holds the lock of those who decide; waits for it."""
    with open(self.root / 'history.lock', 'w') as file:
      fcntl.lockf(file, fcntl.LOCK_EX)
      yield


def _plain(population: decisions.Population) -> dict[str, Any]:
  content = dataclasses.asdict(population)
  return {**content, 'arguments': list(population.arguments)}
