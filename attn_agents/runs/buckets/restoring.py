"""Copies a run from a bucket to a machine that lacks it, or some of it."""

import json
import os
import pathlib
import shutil
from collections.abc import Mapping

from attn_agents.runs import run_directory
from attn_agents.runs.buckets import layout, stores
from configs import errors


class Restoring:
  """One run in a bucket, and its directory here."""

  def __init__(self, run: run_directory.RunDirectory, store: stores.Store):
    """Reads and writes nothing.

    Args:
      run: whose directory, which is locked or of nobody.
      store: of the run's address.
    """
    self._run = run
    self._store = store

  def check(self) -> None:
    """Tries what a run needs of the bucket.

    Raises:
      BucketError: it cannot be reached, or this user may not do it.
    """
    self._store.sizes(layout.CONFIG)
    self._store.put(layout.PROBE, b'')
    self._store.delete([layout.PROBE])

  def restore(self) -> str:
    """Copies the run from the bucket, as far as this machine lacks it.

    Returns:
      What was done, in words.

    Raises:
      BucketError: it cannot be read.
      ConfigError: the directory holds another run than the bucket.
      OSError: of the disk.
    """
    content = self._store.read(layout.CONFIG)
    here = self._run.path / layout.CONFIG
    if content is None:
      return 'it is new there'
    theirs = layout.started(content, self._store.name)
    ours = layout.started(here.read_bytes(), str(here)) if here.exists() else []
    shorter = min(len(ours), len(theirs))
    if ours[:shorter] != theirs[:shorter]:
      raise errors.ConfigError(
        f'{self._store.name} and {self._run.path} hold two runs, or two that '
        'went on from one; move one of them away, and run this command again'
      )
    self._run.path.mkdir(parents=True, exist_ok=True)
    there = layout.committed(self._store)
    behind = len(ours) < len(theirs)
    if not behind and not self._lacks_newest(there['checkpoints']):
      return 'this machine has all of it'
    if behind:
      self._remove_others(there)
    # Before the checkpoint, from which a run goes on: what comes after it in
    # metrics.csv is cut off then, and what is missing would stay so.
    for name in self._store.sizes():
      if name.split('/')[0] not in layout.FOLDERS and name not in (
        layout.CONFIG,
        layout.PROBE,
      ):
        self._get(name, self._run.path / name)
    self._restore_newest('best', there)
    found = self._restore_newest('checkpoints', there)
    replays = {
      n for n in there['replay'] if layout.step_of(n, layout.REPLAY) == found
    }
    self._restore_newest('replay', {'replay': replays})
    # Last: without it, a directory is no run, and all of this is done again.
    partial = here.with_name('config.partial')
    partial.write_bytes(content)
    os.replace(partial, here)
    return (
      f'checkpoint {found} was copied' if found is not None else 'it was copied'
    )

  def _lacks_newest(self, there: set[str]) -> bool:
    here = layout.complete(self._run.checkpoints, layout.CHECKPOINT)
    newest = layout.newest(there, layout.CHECKPOINT)
    ours = layout.newest(here, layout.CHECKPOINT)
    return newest is not None and (ours is None or ours < newest)

  def _remove_others(self, there: Mapping[str, set[str]]) -> None:
    """Removes directories from which another machine did not go on."""
    for folder, pattern in layout.FOLDERS.items():
      for name in layout.complete(self._run.path / folder, pattern):
        if name not in there[folder]:
          shutil.rmtree(self._run.path / folder / name)

  def _restore_newest(
    self, folder: str, there: Mapping[str, set[str]]
  ) -> int | None:
    """Copies the newest directory that is whole, if it is newer than ours.

    Returns:
      Its step; None if there is none.
    """
    pattern = layout.FOLDERS[folder]
    ours = layout.complete(self._run.path / folder, pattern)
    least = layout.step_of(ours[0], pattern) if ours else -1
    names = [x for x in there[folder] if layout.step_of(x, pattern) > least]
    for name in sorted(names, key=lambda x: -layout.step_of(x, pattern)):
      if self._get_directory(folder, name):
        return layout.step_of(name, pattern)
    return None

  def _get_directory(self, folder: str, name: str) -> bool:
    """Copies a directory; False, with a line, if it is damaged."""
    place = self._run.path / folder
    beside = place / f'{name}{layout.UNFINISHED}'
    shutil.rmtree(beside, ignore_errors=True)
    try:
      commit = self._store.read(f'{folder}/{name}/{layout.COMMIT}') or b''
      sizes = self._store.sizes(f'{folder}/{name}/')
      for within, fact in json.loads(commit)['files'].items():
        if f'{folder}/{name}/{within}' not in sizes:
          raise ValueError(f'{within} is missing')
        self._get(f'{folder}/{name}/{within}', beside / within)
        if layout.digest_of(beside / within) != fact['sha256']:
          raise ValueError(f'{within} has another content')
    except (KeyError, TypeError, ValueError, AttributeError) as error:
      print(
        f'{self._store.name}/{folder}/{name} is damaged: {error}', flush=True
      )
      shutil.rmtree(beside, ignore_errors=True)
      return False
    os.replace(beside, place / name)
    return True

  def _get(self, name: str, target: pathlib.Path) -> None:
    if not target.resolve().is_relative_to(self._run.path.resolve()):
      raise stores.BucketError(f'{self._store.name} has an object {name}')
    target.parent.mkdir(parents=True, exist_ok=True)
    self._store.get(name, target)
