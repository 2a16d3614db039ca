"""Recordings: what an agent saw, did and attended to, row by row, on disk.

The format, version 1: a directory with

    facts.json       who played what, how (see `record.record`)
    rows_<n>.npz     NumPy arrays of rows n, n + 1, ..., `PART_ROWS` of them but
                     for the last part
    end.json         number of rows and of games; only if recording ended

Parts are renamed into place when they are complete, so that a killed recording
leaves whole ones. With axes [N, ...], the rows of all parts, the arrays are

    frame            uint8 [N, H, W, 3], the screen as people see it, edited; of
                     Atari 210 x 160, the maximum of the last two screens
    observation      uint8 [N, height, width, channels], what the agent saw
    reward, discount float32 [N]; step_type int8 [N]: arrived with the row
    game, row        int32 [N]: number of the game; row within it, from 0
    action           int32 [N], chosen at the row (ignored where it is LAST)
    policy_logits    float32 [N, num_actions]
    baseline         float32 [N]
    attention        float32 [N, heads, h, w], where the agent has any
    queries          float32 [N, heads, key size], where it has any
    keys             float32 [N, h, w, key_channels], O_K, normed if the agent
                     norms it; the basis is fixed
    answers          float32 [N, heads, value channels + 64]
    vision_core_saturated, policy_core_saturated
                     float32 [N], after the row, of networks with such cores;
                     see `learning.sight.of_cores`
    state/<i>        leaf i of the network's state before the row, where asked
"""

import functools
import json
import math
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from attn_agents import types
from attn_agents.environments import incoming
from attn_agents.utils import whole_files
from configs import errors, overrides

VERSION = 1
PART_ROWS = 256
_FACTS, _END = 'facts.json', 'end.json'
# Facts that older recordings of this version lack.
_NEWER_FACTS = (
  *('screen_shape', 'actions', 'step_seconds'),
  *('config', 'parameters', 'shown_actions'),
)
# Arrays that every recording has.
_ALWAYS = frozenset(('frame', 'observation', 'reward', 'action', 'step_type'))
# Facts that say where things lay, which a run that is moved leaves behind.
_PLACES = ('run', 'shown')
# What reading a damaged file may raise. zipfile raises RuntimeError at what it
# takes for encrypted, or for compressed in a way that it does not know; NumPy
# raises TokenError at some headers.
_UNREADABLE = (
  *(OSError, EOFError, ValueError, KeyError, RuntimeError),
  *(zlib.error, zipfile.BadZipFile, tokenize.TokenError),
)


class RecordingError(errors.ConfigError):
  """There is no recording, or it is damaged or another than expected."""


class Recording:
  """Reads a recording, ended or not; of large arrays a part at a time."""

  def __init__(self, path: pathlib.Path | str):
    """Opens it.

    Raises:
      RecordingError: there is none, or it is damaged or of another version.
    """
    self.path = pathlib.Path(path)
    try:
      self.facts: dict[str, Any] = json.loads((self.path / _FACTS).read_text())
    except _UNREADABLE as error:
      raise RecordingError(f'{path} is no recording: {error}') from error
    if not isinstance(self.facts, dict):
      raise RecordingError(f'{path} is no recording: facts.json has no facts')
    version = self.facts.get('version')
    if version != VERSION:
      raise RecordingError(
        f'{path}: version {version} of the format, expected {VERSION}'
      )
    self._check_facts()
    self._parts = sorted(self.path.glob('rows_*.npz'), key=_first_row)
    self._headers = {part: _check_content(part) for part in self._parts}
    self._check_parts()

  def _check_facts(self) -> None:
    """Refuses facts that say no sizes, where others read sizes."""
    file = self.path / _FACTS
    screen = self.facts.get('screen_shape', [1, 1, 3])
    if not (
      isinstance(screen, list)
      and len(screen) == 3
      and all(type(size) is int for size in screen)
    ):
      raise _damaged(file, f'screen_shape is {screen!r}, expected 3 integers')
    actions = self.facts.get('num_actions', 1)
    if type(actions) is not int:
      raise _damaged(file, f'num_actions is {actions!r}, expected an integer')

  def _check_parts(self) -> None:
    """Refuses parts that are missing, or of arrays that do not fit."""
    for index, part in enumerate(self._parts):
      found = self._headers[part]
      # All parts have the arrays of the first.
      if lacking := _ALWAYS - set(found) or set(self.names) - set(found):
        raise _damaged(part, f'it has no {", ".join(sorted(lacking))}')
      if _first_row(part) != index * PART_ROWS:
        raise _damaged(part, f'the rows from {index * PART_ROWS} are missing')
      self._check_arrays(part, whole=part != self._parts[-1])
    if not self.ended:
      return
    end = self.path / _END
    try:
      rows = json.loads(end.read_text())['num_rows']
    except (*_UNREADABLE, TypeError) as error:
      raise _damaged(end, str(error)) from error
    if rows != self.num_rows:
      raise _damaged(end, f'it says {rows} rows, there are {self.num_rows}')

  def _check_arrays(self, part: pathlib.Path, whole: bool) -> None:
    """Looks at shapes and dtypes of all arrays, and at values of small ones."""
    headers = self._headers[part]
    rows = headers['reward'][0][0] if headers['reward'][0] else 0
    if not (rows == PART_ROWS if whole else 1 <= rows <= PART_ROWS):
      raise _damaged(part, f'it has {rows} rows')
    shapes = {name: shape for name, (shape, _) in headers.items()}
    if short := [n for n, shape in shapes.items() if shape[:1] != (rows,)]:
      raise _damaged(part, f'{short[0]} has not {rows} rows')
    for name in ('frame', 'observation'):
      shape, dtype = headers[name]
      if dtype != np.uint8 or len(shape) != 4:
        raise _damaged(part, f'{name} is {dtype}{list(shape)}')
    screen = tuple(self.facts.get('screen_shape') or shapes['frame'][1:])
    if shapes['frame'][1:] != screen or screen[2:] != (3,):
      raise _damaged(part, f'frame is of {list(shapes["frame"][1:])}')
    arrays = _load(part, ('reward', 'action', 'step_type'))
    most = self.facts.get('num_actions', np.iinfo(np.int32).max + 1) - 1
    for name, kind, low, high in (
      ('reward', np.floating, -np.inf, np.inf),
      ('action', np.integer, 0, most),
      ('step_type', np.integer, min(types.StepType), max(types.StepType)),
    ):
      try:
        incoming.check(name, arrays[name], kind, (rows,), low, high)
      except errors.ConfigError as error:
        raise _damaged(part, str(error)) from error

  @property
  def ended(self) -> bool:
    """Whether all of it was recorded."""
    return (self.path / _END).is_file()

  @functools.cached_property
  def num_rows(self) -> int:
    """N."""
    if not self._parts:
      return 0
    last = self._parts[-1]
    return _first_row(last) + self._headers[last]['reward'][0][0]

  @functools.cached_property
  def frame_size(self) -> tuple[int, int]:
    """Height and width of the screen."""
    if 'screen_shape' in self.facts:
      height, width, _ = self.facts['screen_shape']
    else:
      height, width, _ = self.rows('frame', [0])[0].shape
    return height, width

  def __len__(self) -> int:
    """N."""
    return self.num_rows

  @functools.cached_property
  def names(self) -> tuple[str, ...]:
    """Of the arrays there are."""
    return tuple(self._headers[self._parts[0]]) if self._parts else ()

  def __contains__(self, name: str) -> bool:
    """Whether there is an array of that name."""
    return name in self.names

  def __getitem__(self, name: str) -> np.ndarray:
    """An array [N, ...] as a whole; `parts` is for those that are large.

    Raises:
      KeyError: the agent has nothing of that name.
    """
    return np.concatenate([arrays[name] for _, arrays in self.parts(name)])

  def parts(self, *names: str) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The first row of each part, and its arrays of these names.

    Raises:
      KeyError: the agent has nothing of one of these names.
    """
    self._require(names)
    for part in self._parts:
      yield _first_row(part), _load(part, names)

  def _require(self, names: Sequence[str]) -> None:
    for name in names:
      if name not in self.names:
        raise KeyError(name)

  def rows(self, name: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Some rows of an array, [len(rows), ...], reading only their parts."""
    self._require([name])
    wanted = np.asarray(rows)
    owner = wanted // PART_ROWS
    found: dict[int, np.ndarray] = {}
    for index in np.unique(owner):
      values = _load(self._parts[index], [name])[name]
      for place in np.flatnonzero(owner == index):
        found[int(place)] = values[wanted[place] - index * PART_ROWS]
    return np.stack([found[place] for place in range(len(wanted))])


class Writer:
  """Writes one row after the other, with no more than a part in memory."""

  def __init__(self, path: pathlib.Path, facts: Mapping[str, Any]):
    """Makes the directory, or goes on with what is there.

    Raises:
      RecordingError: what is there is of other facts.
    """
    self.path = path
    self._rows: list[dict[str, np.ndarray]] = []
    facts = {'version': VERSION, **json.loads(json.dumps(facts))}
    path.mkdir(parents=True, exist_ok=True)
    if (path / _FACTS).is_file():
      there = Recording(path)
      differing = _differing(path, there.facts, facts)
      if differing:
        raise RecordingError(
          f'{path} holds another recording (different: '
          f'{", ".join(differing)}); name another directory or delete it'
        )
      self._next = there.num_rows
      # The last part may be short; it is written again.
      self._next -= self._next % PART_ROWS
    else:
      _replace(path / _FACTS, json.dumps(facts, indent=2).encode())
      self._next = 0

  @property
  def next_row(self) -> int:
    """The first row that is still to be written."""
    return self._next + len(self._rows)

  def append(self, row: Mapping[str, np.ndarray]) -> None:
    """Adds row `next_row`, arrays without the leading axis."""
    self._rows.append({name: np.asarray(value) for name, value in row.items()})
    if len(self._rows) == PART_ROWS:
      self._write()

  def end(self, num_games: int) -> Recording:
    """Writes what is left and marks the recording as whole.

    Args:
      num_games: whole games in it.
    """
    if self._rows:
      self._write()
    facts = {'num_rows': self._next, 'num_games': num_games}
    _replace(self.path / _END, json.dumps(facts, indent=2).encode())
    return Recording(self.path)

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


def json_ready(value: Any) -> Any:
  """Arrays and NumPy scalars as plain Python, also inside dicts and lists.

  JSON has no NaN and no infinity: numbers that are not finite become None.
  """
  if isinstance(value, dict):
    return {key: json_ready(item) for key, item in value.items()}
  if isinstance(value, list | tuple):
    return [json_ready(item) for item in value]
  if isinstance(value, np.ndarray | np.generic):
    return json_ready(value.tolist())
  if isinstance(value, float) and not np.isfinite(value):
    return None
  return value


def _first_row(part: pathlib.Path) -> int:
  try:
    return int(part.stem.removeprefix('rows_'))
  except ValueError as error:
    raise _damaged(part, 'its name has no number of a row') from error


def _load(part: pathlib.Path, names: Sequence[str]) -> dict[str, np.ndarray]:
  """Arrays of a part, by name; the others are not read."""
  try:
    with np.load(part) as arrays:
      return {name: arrays[name] for name in names}
  except _UNREADABLE as error:
    raise _damaged(part, str(error)) from error


def _check_content(
  part: pathlib.Path,
) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
  """Shape and dtype of each array; reads all, for the checksums."""
  found = {}
  try:
    with zipfile.ZipFile(part) as archive:
      if bad := archive.testzip():
        raise ValueError(f'{bad} is not what was written')
      for member in archive.infolist():
        with archive.open(member) as file:
          read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
          }[np.lib.format.read_magic(file)]
          shape, _, dtype = read(file)
          left = member.file_size - file.tell()
        if left != math.prod(shape) * dtype.itemsize or dtype.hasobject:
          raise ValueError(f'{member.filename} is not {dtype}{list(shape)}')
        found[member.filename.removesuffix('.npy')] = (shape, dtype)
  except _UNREADABLE as error:
    raise _damaged(part, str(error)) from error
  return found


def _damaged(file: pathlib.Path, why: str) -> RecordingError:
  return RecordingError(
    f'{file} is damaged ({why}); delete the recording, {file.parent}, and it '
    'is made again'
  )


def _replace(path: pathlib.Path, content: bytes) -> None:
  with whole_files.replacing(path) as partial:
    partial.write_bytes(content)
