"""The decisions of a population: what each was made of, and making them again.

Each follows from those before it and from its own fitness. `replay` makes all
of them again and compares.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from attn_agents.population import rules


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
    if to_json(again) != to_json(entry):
      found.append(
        f'decision {count} of member {entry.member}: {to_json(entry)} there, '
        f'{to_json(again)} when made again'
      )
    record.add(entry)
  return found


def to_json(entry: Entry) -> dict[str, Any]:
  """A decision as plain data; a fitness that is NaN becomes None."""
  content = dataclasses.asdict(entry)
  if math.isnan(entry.fitness):
    content['fitness'] = None
  return content
