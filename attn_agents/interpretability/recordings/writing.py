"""Writes recordings."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from attn_agents.interpretability.recordings import parts, recording
from attn_agents.utils import whole_files
from configs import overrides

# Facts that older recordings of this version lack.
_NEWER_FACTS = (
  *('screen_shape', 'actions', 'step_seconds'),
  *('config', 'parameters', 'shown_actions'),
)
# Facts that say where things lay, which a run that is moved leaves behind.
_PLACES = ('run', 'shown')


class Writer:
  """Writes one row after the other, with no more than a part in memory."""

  def __init__(self, path: pathlib.Path, facts: Mapping[str, Any]):
    """Makes the directory, or goes on with what is there.

    Raises:
      parts.RecordingError: what is there is of other facts.
    """
    self.path = path
    self._rows: list[dict[str, np.ndarray]] = []
    facts = {'version': recording.VERSION, **json.loads(json.dumps(facts))}
    path.mkdir(parents=True, exist_ok=True)
    if (path / recording.FACTS).is_file():
      there = recording.Recording(path)
      differing = _differing(path, there.facts, facts)
      if differing:
        raise parts.RecordingError(
          f'{path} holds another recording (different: '
          f'{", ".join(differing)}); name another directory or delete it'
        )
      self._next = there.num_rows
      # The last part may be short; it is written again.
      self._next -= self._next % parts.PART_ROWS
    else:
      _replace(path / recording.FACTS, json.dumps(facts, indent=2).encode())
      self._next = 0

  @property
  def next_row(self) -> int:
    """The first row that is still to be written."""
    return self._next + len(self._rows)

  def append(self, row: Mapping[str, np.ndarray]) -> None:
    """Adds row `next_row`, arrays without the leading axis."""
    self._rows.append({name: np.asarray(value) for name, value in row.items()})
    if len(self._rows) == parts.PART_ROWS:
      self._write()

  def end(self, num_games: int) -> recording.Recording:
    """Writes what is left and marks the recording as whole.

    Args:
      num_games: whole games in it.
    """
    if self._rows:
      self._write()
    facts = {'num_rows': self._next, 'num_games': num_games}
    _replace(self.path / recording.END, json.dumps(facts, indent=2).encode())
    return recording.Recording(self.path)

  def _write(self) -> None:
    arrays = {
      name: np.stack([row[name] for row in self._rows])
      for name in self._rows[0]
    }
    part = self.path / f'rows_{self._next}.npz'
    with whole_files.replacing(part) as partial, partial.open('wb') as file:
      np.savez_compressed(file, **arrays)
    self._next += len(self._rows)
    self._rows = []


def _differing(
  path: pathlib.Path, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[str]:
  """Names of the facts by which two recordings are of different things.

  Args:
    path: of the old one.
    old: facts there.
    new: facts of what is to be recorded.
  """
  names = {
    key
    for key in {**old, **new}
    if old.get(key) != new.get(key)
    and (key in old or key not in _NEWER_FACTS)
    and key not in ('config', *_PLACES)
  }
  if 'config' in old and 'config' in new:
    rows = overrides.differences(old['config'], new['config'])
    names.update(name for name, _, _ in rows)
  if 'parameters' not in old and old.get('run') != new.get('run'):
    # Nothing else tells two runs of one seed apart. A recording in the
    # directory of the run is of this run.
    run = pathlib.Path(new.get('run', path)).resolve()
    if not path.resolve().is_relative_to(run):
      names.add('run')
  return sorted(names)


def _replace(path: pathlib.Path, content: bytes) -> None:
  with whole_files.replacing(path) as partial:
    partial.write_bytes(content)
