"""The work of a population: which commands its members have left.

A member trains to the end of a generation, takes its turn, and goes on. Each is
a process of its own, and what is left follows from what is on disk.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence

from attn_agents.population import decisions, history, members
from attn_agents.runs import saved_runs

_LAUNCH = pathlib.Path(__file__).parent
# Generations in a row that a member may fail in before it is given up.
_MOST_FAILURES = 3


@dataclasses.dataclass(frozen=True)
class Generation:
  """One generation of one member, as `suite_worker.Worker` runs it.

  Attributes:
    root: of the population.
    member: its index.
    population: that it belongs to.
    record: the population's history when the generation began.
  """

  root: pathlib.Path
  member: int
  population: decisions.Population
  record: decisions.Record

  @property
  def name(self) -> str:
    """The name of the member's directory."""
    return members.name_of(self.member)

  @property
  def logdir(self) -> pathlib.Path:
    """The member's run."""
    return self.root / self.name

  def left(self) -> list[list[str]]:
    """Its commands: what was decided last, training, and the turn."""
    turn = [
      *(sys.executable, '-m', 'attn_agents.population.turn'),
      f'--root={self.root}',
      f'--member={self.member}',
    ]
    generation = self.record.generation(self.member)
    end = self.population.end_of(generation)
    train = [
      sys.executable,
      str(_LAUNCH / 'run_local.py'),
      *self.population.arguments,
      f'--seed={self.population.seed + self.member}',
      f'--max_frames={end}',
      f'--logdir={self.logdir}',
    ]
    is_pending = members.pending(self.root, self.record, self.member)
    commands = [turn, train] if is_pending else [train]
    is_last = end >= self.population.max_frames
    return commands if is_last else [*commands, turn]


class Turns:
  """Hands out generations: those of the members that are furthest behind."""

  def __init__(
    self,
    root: pathlib.Path,
    busy: Callable[[], Collection[str]],
    only: Sequence[int] | None = None,
  ):
    """Reads nothing yet.

    Args:
      root: of the population.
      busy: names of the members that are at work.
      only: indices of members; None for all.
    """
    self._root = root
    self._busy = busy
    self._only = only
    # How far each member was when its last generation was handed out.
    self._began: dict[int, tuple[int, int]] = {}
    self._failures: dict[int, int] = {}

  def __iter__(self) -> Iterator[Generation | None]:
    """Yields until all members are done, or have failed too often in a row.

    None stands for: nothing at this moment, since those left are at work.
    """
    log = history.History(self._root)
    population = log.population()
    indices = range(population.size) if self._only is None else self._only
    gone: set[int] = set()
    while True:
      busy = self._busy()
      idle = [
        m for m in indices if m not in gone and members.name_of(m) not in busy
      ]
      if not idle:
        if len(gone) == len(indices):
          return
        yield None
        continue
      record = log.record()
      left = {}
      for member in idle:
        run = members.run_of(self._root, member)
        now = record.generation(member), members.frames_of(run)
        if saved_runs.is_trained(run, population.max_frames) or self._given_up(
          member, now
        ):
          gone.add(member)
        else:
          left[member] = now
      if left:
        member = min(left, key=lambda m: (left[m], m))
        self._began[member] = left[member]
        yield Generation(self._root, member, population, record)

  def _given_up(self, member: int, now: tuple[int, int]) -> bool:
    """Whether an idle member has failed too often without getting further."""
    if member in self._began:
      got_further = self._began.pop(member) != now
      self._failures[member] = (
        0 if got_further else self._failures.get(member, 0) + 1
      )
    return self._failures.get(member, 0) >= _MOST_FAILURES
