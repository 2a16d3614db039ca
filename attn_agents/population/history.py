"""The history of a population: every decision, from which it can be replayed.

    <root>/population.json   what was asked for, written once
    <root>/history.jsonl     one line for each decision, in their order

Whoever decides holds a lock, so that each line follows from the lines before it
and from its own fitness. `replay` makes all decisions again and compares.
"""

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attn_agents.population import rules
from attn_agents.utils import disk, whole_files
from configs import errors

# A line counts from its end on; a kill may leave half of the last.
_NEWLINE = b'\n'


@dataclasses.dataclass(frozen=True)
class Population:
  """What a population was asked to be.

  Attributes:
    size: number of members.
    seed: of its decisions; member i trains with the seed `seed + i`.
    rule: a name of `rules.RULES`.
    margin: how much fitter another has to be to be copied.
    burn_in_frames: emulator frames of a member before its first decision.
    interval_frames: emulator frames between two of its decisions.
    max_frames: emulator frames of each member.
    hyperparameters: that all members start with, by name.
    game: whose scores are the fitness.
    arguments: flags of `launch/run_local.py`, the same for all members.
  """

  size: int
  seed: int
  rule: str
  margin: float
  burn_in_frames: int
  interval_frames: int
  max_frames: int
  hyperparameters: Mapping[str, float]
  game: str
  arguments: tuple[str, ...]

  def end_of(self, generation: int) -> int:
    """Emulator frames of a member at the end of a generation.

    The first ends with the burn-in, or after an interval if there is none.
    """
    first = self.burn_in_frames or self.interval_frames
    return min(first + generation * self.interval_frames, self.max_frames)


@dataclasses.dataclass(frozen=True)
class Entry:
  """One decision.

  Attributes:
    member: that decided.
    generation: of it that ended, counted from 0.
    frames: its emulator frames at that time.
    step: its learner step at that time.
    fitness: at that time; NaN if no game had ended.
    compared_with: see `rules.Decision`.
    parent: see `rules.Decision`.
    parent_generation: at whose end the parent's weights were; None without one.
    factors: see `rules.Decision`.
    hyperparameters: see `rules.Decision`.
    time: seconds since 1970, for people.
  """

  member: int
  generation: int
  frames: int
  step: int
  fitness: float
  compared_with: int | None
  parent: int | None
  parent_generation: int | None
  factors: Mapping[str, float]
  hyperparameters: Mapping[str, float]
  time: float


class Record:
  """Decisions by member."""

  def __init__(self, population: Population, entries: Iterable[Entry] = ()):
    """Takes in the decisions so far, in their order."""
    self._population = population
    self._own: dict[int, list[Entry]] = {}
    for entry in entries:
      self.add(entry)

  def add(self, entry: Entry) -> None:
    """Takes in one more."""
    self._own.setdefault(entry.member, []).append(entry)

  def generation(self, member: int) -> int:
    """The one that a member is in, which is how often it has decided."""
    return len(self._own.get(member, ()))

  def hyperparameters(
    self, member: int, generation: int | None = None
  ) -> Mapping[str, float]:
    """What a member trains with in a generation; None for its present one."""
    if generation is None:
      generation = self.generation(member)
    if not generation:
      return self._population.hyperparameters
    return self._own[member][generation - 1].hyperparameters

  def last(self, member: int) -> Entry | None:
    """A member's last decision, None if it has made none."""
    own = self._own.get(member)
    return own[-1] if own else None

  def others(self, member: int) -> list[rules.Standing]:
    """How each other member stood when it last decided."""
    last = [own[-1] for m, own in sorted(self._own.items()) if m != member]
    return [
      rules.Standing(
        x.member,
        x.generation,
        x.fitness,
        self.hyperparameters(x.member, x.generation),
      )
      for x in last
    ]


def decide(
  population: Population,
  record: Record,
  member: int,
  frames: int,
  step: int,
  fitness: float,
  time: float = 0.0,
) -> Entry:
  """The decision of a member at the end of its present generation.

  Args:
    population: that it belongs to.
    record: all decisions so far.
    member: that decides.
    frames: its emulator frames.
    step: its learner step.
    fitness: of its last games; NaN if there were none.
    time: seconds since 1970.
  """
  generation = record.generation(member)
  others = record.others(member)
  decision = rules.RULES[population.rule](
    rules.Standing(member, generation, fitness, record.hyperparameters(member)),
    others,
    population.margin,
    rules.random_numbers(population.seed, member, generation),
  )
  generations = {x.member: x.generation for x in others}
  parent = decision.parent
  return Entry(
    member=member,
    generation=generation,
    frames=frames,
    step=step,
    fitness=fitness,
    compared_with=decision.compared_with,
    parent=parent,
    parent_generation=None if parent is None else generations[parent],
    factors=decision.factors,
    hyperparameters=decision.hyperparameters,
    time=time,
  )


def replay(population: Population, entries: Iterable[Entry]) -> list[str]:
  """Makes all decisions again.

  Returns:
    A line for each that came out differently, with both.
  """
  found, record = [], Record(population)
  for count, entry in enumerate(entries):
    again = decide(
      population,
      record,
      entry.member,
      entry.frames,
      entry.step,
      entry.fitness,
      entry.time,
    )
    if _content(again) != _content(entry):
      found.append(
        f'decision {count} of member {entry.member}: {_content(entry)} there, '
        f'{_content(again)} when made again'
      )
    record.add(entry)
  return found


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

  def check(self, population: Population) -> None:
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

  def create(self, population: Population) -> None:
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

  def population(self) -> Population:
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
      return Population(**{**content, 'arguments': tuple(content['arguments'])})
    except (ValueError, TypeError, KeyError) as error:
      raise errors.ConfigError(f'{self._header} is damaged: {error}') from error

  def entries(self) -> list[Entry]:
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
        found.append(Entry(**content))
      except (ValueError, TypeError, KeyError) as error:
        raise errors.ConfigError(
          f'{self._log} is damaged in line {number}: {error}'
        ) from error
    return found

  def record(self) -> Record:
    """All decisions, by member; for errors see `entries`."""
    return Record(self.population(), self.entries())

  def append(self, entry: Entry) -> None:
    """Adds a decision; the caller holds the lock.

    Raises:
      StorageError: it cannot be written; the file is as it was.
    """
    line = json.dumps(_content(entry), allow_nan=False).encode() + _NEWLINE
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


def _plain(population: Population) -> dict[str, Any]:
  content = dataclasses.asdict(population)
  return {**content, 'arguments': list(population.arguments)}


def _content(entry: Entry) -> dict[str, Any]:
  content = dataclasses.asdict(entry)
  if math.isnan(entry.fitness):
    content['fitness'] = None
  return content
