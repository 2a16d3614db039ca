"""Recordings: what an agent saw, did and attended to, row by row, on disk.

The format, version 1: a directory with

    facts.json       who played what, how (see `record.record`)
    rows_<n>.npz     NumPy arrays of rows n, n + 1, ..., `parts.PART_ROWS` of
                     them but for the last part
    end.json         number of rows and of games; only if recording ended

Parts are renamed into place when they are complete, so that a killed recording
leaves whole ones. With axes [N, ...], the rows of all parts, the arrays are

    frame            uint8 [N, H, W, 3], the screen as people see it, edited; of
                     Atari 210 x 160, the maximum of the last two screens. Of
                     a game that ends in an earlier frame of a step, the LAST
                     row shows the screen of the step before
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
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from attn_agents.interpretability.recordings import parts

VERSION = 1
FACTS, END = 'facts.json', 'end.json'
# Arrays that every recording has.
_ALWAYS = frozenset(('frame', 'observation', 'reward', 'action', 'step_type'))


class Recording:
  """Reads a recording, ended or not; of large arrays a part at a time."""

  def __init__(self, path: pathlib.Path | str):
    """Opens it.

    Raises:
      RecordingError: there is none, or it is damaged or of another version.
    """
    self.path = pathlib.Path(path)
    try:
      self.facts: dict[str, Any] = json.loads((self.path / FACTS).read_text())
    except parts.UNREADABLE as error:
      raise parts.RecordingError(f'{path} is no recording: {error}') from error
    if not isinstance(self.facts, dict):
      raise parts.RecordingError(
        f'{path} is no recording: facts.json has no facts'
      )
    version = self.facts.get('version')
    if version != VERSION:
      raise parts.RecordingError(
        f'{path}: version {version} of the format, expected {VERSION}'
      )
    self._check_facts()
    self._parts = sorted(self.path.glob('rows_*.npz'), key=parts.first_row)
    self._headers = {part: parts.check_content(part) for part in self._parts}
    self._check_parts()

  def _check_facts(self) -> None:
    """Refuses facts that say no sizes, where others read sizes."""
    file = self.path / FACTS
    screen = self.facts.get('screen_shape', [1, 1, 3])
    if not (
      isinstance(screen, list)
      and len(screen) == 3
      and all(type(size) is int for size in screen)
    ):
      raise parts.damaged(
        file, f'screen_shape is {screen!r}, expected 3 integers'
      )
    actions = self.facts.get('num_actions', 1)
    if type(actions) is not int:
      raise parts.damaged(
        file, f'num_actions is {actions!r}, expected an integer'
      )

  def _check_parts(self) -> None:
    """Refuses parts that are missing, or of arrays that do not fit."""
    for index, part in enumerate(self._parts):
      found = self._headers[part]
      # All parts have the arrays of the first.
      if lacking := _ALWAYS - set(found) or set(self.names) - set(found):
        raise parts.damaged(part, f'it has no {", ".join(sorted(lacking))}')
      if parts.first_row(part) != index * parts.PART_ROWS:
        raise parts.damaged(
          part, f'the rows from {index * parts.PART_ROWS} are missing'
        )
      parts.check_arrays(
        part,
        found,
        part != self._parts[-1],
        self.facts.get('screen_shape'),
        self.facts.get('num_actions'),
      )
    if not self.ended:
      return
    end = self.path / END
    try:
      rows = json.loads(end.read_text())['num_rows']
    except (*parts.UNREADABLE, TypeError) as error:
      raise parts.damaged(end, str(error)) from error
    if rows != self.num_rows:
      raise parts.damaged(
        end, f'it says {rows} rows, there are {self.num_rows}'
      )

  @property
  def ended(self) -> bool:
    """Whether all of it was recorded."""
    return (self.path / END).is_file()

  @functools.cached_property
  def num_rows(self) -> int:
    """N."""
    if not self._parts:
      return 0
    last = self._parts[-1]
    return parts.first_row(last) + self._headers[last]['reward'][0][0]

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
      yield parts.first_row(part), parts.load(part, names)

  def _require(self, names: Sequence[str]) -> None:
    for name in names:
      if name not in self.names:
        raise KeyError(name)

  def rows(self, name: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Some rows of an array, [len(rows), ...], reading only their parts."""
    self._require([name])
    wanted = np.asarray(rows)
    owner = wanted // parts.PART_ROWS
    found: dict[int, np.ndarray] = {}
    for index in np.unique(owner):
      values = parts.load(self._parts[index], [name])[name]
      for place in np.flatnonzero(owner == index):
        found[int(place)] = values[wanted[place] - index * parts.PART_ROWS]
    return np.stack([found[place] for place in range(len(wanted))])
