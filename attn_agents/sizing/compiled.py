"""What is known of an update before it runs: sizes and work of its programs."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from attn_agents.sizing import work


@dataclasses.dataclass(frozen=True)
class Program:
  """One program of an update, of one device.

  Attributes:
    name: e.g. 'update'.
    times: that it runs in an update.
    argument_bytes: parameters, optimiser and batch among them.
    temporary_bytes: what it needs while it runs.
    output_bytes: beside the arguments that it writes its results into.
    code_bytes: the program itself.
    beside_bytes: what stays on the device meanwhile without being an argument.
    work: what it computes and moves each time.
  """

  name: str
  times: int
  argument_bytes: int
  temporary_bytes: int
  output_bytes: int
  code_bytes: int
  beside_bytes: int
  work: work.Work

  @property
  def num_bytes(self) -> int:
    """All that is on the device while it runs."""
    return (
      self.argument_bytes
      + self.temporary_bytes
      + self.output_bytes
      + self.code_bytes
      + self.beside_bytes
    )


@dataclasses.dataclass(frozen=True)
class Update:
  """An update, of one device.

  Attributes:
    programs: in their order, at least one.
    step_bytes: that an agent step brings to the learner.
    versions: of what compiled it.
    seconds: that compiling took.
  """

  programs: tuple[Program, ...]
  step_bytes: float
  versions: Mapping[str, str]
  seconds: float

  @property
  def largest(self) -> Program:
    """The program that needs the most memory."""
    return max(self.programs, key=lambda program: program.num_bytes)

  @property
  def num_bytes(self) -> int:
    """The most that is on the device at any time."""
    return self.largest.num_bytes

  @property
  def flops(self) -> float:
    """Of a whole update."""
    return sum(p.times * p.work.flops for p in self.programs)

  @property
  def moved_bytes(self) -> float:
    """Of a whole update, to and from main memory."""
    return sum(p.times * p.work.moved_bytes for p in self.programs)

  @property
  def collectives(self) -> tuple[work.Collective, ...]:
    """Of a whole update."""
    counts: dict[work.Collective, int] = {}
    for program in self.programs:
      for each in program.work.collectives:
        kind = dataclasses.replace(each, count=0)
        counts[kind] = counts.get(kind, 0) + each.count * program.times
    return tuple(
      dataclasses.replace(kind, count=count) for kind, count in counts.items()
    )

  @property
  def unknown_loops(self) -> int:
    """Loops that were counted once."""
    return sum(p.work.unknown_loops for p in self.programs)


@dataclasses.dataclass(frozen=True)
class Refused:
  """An update that the compiler could not fit into a device.

  Attributes:
    num_bytes: that its temporaries would need.
    available: that there are for them.
  """

  num_bytes: int
  available: int


def from_json(found: Mapping[str, Any]) -> Update:
  """The update of what `dataclasses.asdict` made of one."""
  programs = []
  for each in found['programs']:
    collectives = tuple(
      work.Collective(**c) for c in each['work']['collectives']
    )
    of_program = work.Work(**{**each['work'], 'collectives': collectives})
    programs.append(Program(**{**each, 'work': of_program}))
  return Update(**{**found, 'programs': tuple(programs)})
