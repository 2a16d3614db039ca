"""Copies a run into a bucket while it trains; `layout` says how it lies there.

metrics.csv goes before the checkpoint that it reaches to, so that no row is
missing where the run goes on. What a kill has left of a directory does not
count, and is removed with the next that does.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from attn_agents.runs import run_directory
from attn_agents.runs.buckets import layout, stores

# Tables grow all the time; so long after the last copy they are copied again.
_FILES_SECONDS = 60.0


class TakenOverError(RuntimeError):
  """Another start of the run, elsewhere, writes to the bucket."""


class Mirror:
  """One run, and its place in a bucket.

  Attributes:
    committed: learner step of the newest checkpoint in the bucket, None if
      there is none or it is not known yet.
  """

  def __init__(
    self, run: run_directory.RunDirectory, store: stores.Store, keep: int | None
  ):
    """Reads and writes nothing.

    Args:
      run: whose directory.
      store: of the run's address.
      keep: number of newest checkpoints that are kept in the bucket; None
        keeps all.
    """
    self.committed: int | None = None
    self._run = run
    self._store = store
    self._keep = keep
    self._copied: dict[str, tuple[int, int]] = {}
    self._files_due = 0.0
    # By folder, the names of directories in the bucket that count; None where
    # it has to be asked first.
    self._there: dict[str, set[str]] | None = None

  def push(self, *, everything: bool = False) -> bool:
    """Copies what is new into the bucket.

    Args:
      everything: tables too, however short ago they were copied.

    Returns:
      Whether something was copied.

    Raises:
      BucketError: something was not copied; the next call goes on with it.
      TakenOverError: nothing was copied, and nothing will be.
    """
    try:
      if self._there is None:
        self._there = layout.committed(self._store)
        self._note_committed()
      news = any(self._missing(folder) for folder in layout.FOLDERS)
      if not (everything or news or time.monotonic() >= self._files_due):
        return False
      self._require_ours()
      return self._push()
    except stores.BucketError:
      # How far it came is not known.
      self._there = None
      raise

  def _push(self) -> bool:
    assert self._there is not None
    # First of all: it says whose the place is.
    changed = self._put_if_changed(layout.CONFIG)
    for name in self._files():
      changed |= self._put_if_changed(name)
    self._files_due = time.monotonic() + _FILES_SECONDS
    for folder in layout.FOLDERS:
      while missing := self._missing(folder):
        if not self._put_directory(folder, missing[0]):
          break
        changed = True
    self._note_committed()
    return changed

  def _note_committed(self) -> None:
    assert self._there is not None
    self.committed = layout.newest(
      self._there['checkpoints'], layout.CHECKPOINT
    )

  def _require_ours(self) -> None:
    theirs = layout.started(self._store.read(layout.CONFIG), self._store.name)
    if not theirs:
      # Somebody may have emptied the place.
      self._copied.clear()
    ours = self._run.content()['started']
    if theirs != ours[: len(theirs)]:
      raise TakenOverError(
        f'{self._store.name}: the run was started elsewhere, at '
        f'{theirs[-1]}; from here nothing more is copied'
      )

  def _missing(self, folder: str) -> list[str]:
    """Directories that the bucket should get, newest first."""
    assert self._there is not None
    there = self._there[folder]
    wanted = layout.complete(self._run.path / folder, layout.FOLDERS[folder])
    if folder == 'best':
      wanted = wanted[:1]
    elif folder == 'replay' or self._keep is not None:
      # One that is older than those there would be removed at once.
      newest = layout.newest(there, layout.FOLDERS[folder])
      least = -1 if newest is None else newest
      wanted = wanted[: 1 if folder == 'replay' else self._keep]
      wanted = [
        n for n in wanted if layout.step_of(n, layout.FOLDERS[folder]) > least
      ]
    return [name for name in wanted if name not in there]

  def _put_directory(self, folder: str, name: str) -> bool:
    """Copies a directory that is written once; False if it is gone."""
    assert self._there is not None
    top = self._run.path / folder / name
    files: dict[str, Any] = {}
    try:
      for path in sorted(p for p in top.rglob('*') if p.is_file()):
        within = path.relative_to(top).as_posix()
        self._store.put(f'{folder}/{name}/{within}', path)
        files[within] = {
          'bytes': path.stat().st_size,
          'sha256': layout.digest_of(path),
        }
    except FileNotFoundError:
      # The learner keeps a few only.
      return False
    if not files or not top.is_dir():
      return False
    commit = json.dumps({'files': files})
    self._store.put(f'{folder}/{name}/{layout.COMMIT}', commit.encode())
    self._there[folder].add(name)
    self._prune(folder)
    return True

  def _prune(self, folder: str) -> None:
    """Removes what is older than what is kept, and what never counted."""
    assert self._there is not None
    kept = sorted(
      self._there[folder],
      key=lambda name: layout.step_of(name, layout.FOLDERS[folder]),
      reverse=True,
    )
    if folder == 'best':
      here = layout.complete(self._run.path / folder, layout.CHECKPOINT)
      kept = [name for name in kept if name in here]
    elif folder == 'replay':
      kept = kept[:1]
    elif self._keep is not None:
      kept = kept[: self._keep]
    gone = [
      name
      for name in self._store.sizes(f'{folder}/')
      if name.split('/')[1] not in kept
    ]
    # Without its commit first: half a directory must not count.
    self._store.delete([n for n in gone if n.endswith(f'/{layout.COMMIT}')])
    self._store.delete([n for n in gone if not n.endswith(f'/{layout.COMMIT}')])
    self._there[folder] &= set(kept)

  def _files(self) -> Iterator[str]:
    """Names of all files that are no part of a directory written once."""
    for path in sorted(self._run.path.rglob('*')):
      name = path.relative_to(self._run.path).as_posix()
      if (
        name.split('/')[0] not in layout.FOLDERS
        and not layout.LEFT_OUT.fullmatch(name)
        and path.is_file()
      ):
        yield name

  def _put_if_changed(self, name: str) -> bool:
    path = self._run.path / name
    try:
      stat = path.stat()
      seen = (stat.st_mtime_ns, stat.st_size)
      if self._copied.get(name) == seen:
        return False
      self._store.put(name, path)
    except FileNotFoundError:
      return False
    self._copied[name] = seen
    return True
