"""Reads programs of XLA in their text form (HLO), as far as counting needs."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator, Mapping

_ARRAY = re.compile(r'([a-z][a-z0-9]*)\[([\d,<=]*)\](\{[^{}]*\})?')
_HEAD = re.compile(r'^(ENTRY )?%?([\w.\-]+)(?: \(.*)? \{$')
_NAME = re.compile(r'^\s+(ROOT )?%?([\w.\-]+) = ')
_COMMENT = re.compile(r'/\*.*?\*/')
_BITS = re.compile(r'\d+')
# Memories of a TPU other than its main one, as layouts write them.
_ON_CHIP = re.compile(r'S\((?!0\))\d+\)')
_CALLED = re.compile(
  r'(?:calls|to_apply|body|condition|branch_computations|true_computation|'
  r'false_computation|called_computations)=(\{[^}]*\}|%?[\w.\-]+)'
)


@dataclasses.dataclass(frozen=True)
class Array:
  """An array that an instruction makes.

  Attributes:
    dtype: as XLA writes it, e.g. 'bf16'.
    shape: its sides.
    on_chip: whether it lies in a memory of the chip itself.
  """

  dtype: str
  shape: tuple[int, ...]
  on_chip: bool

  @property
  def size(self) -> int:
    """Number of elements."""
    return math.prod(self.shape)

  @property
  def num_bytes(self) -> int:
    """Without what tiles are filled up with."""
    if self.dtype in ('token', 'opaque'):
      return 0
    if self.dtype == 'pred':
      return self.size
    bits = _BITS.search(self.dtype)
    return math.ceil(self.size * int(bits[0]) / 8) if bits else self.size


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a program.

  Attributes:
    name: unique in its computation.
    opcode: e.g. 'dot'.
    results: arrays that it makes; several if it makes a tuple.
    operands: names of instructions of the same computation; of a constant or
      parameter, what stands in its brackets.
    attributes: the rest of the line.
    is_root: whether it is what its computation returns.
  """

  name: str
  opcode: str
  results: tuple[Array, ...]
  operands: tuple[str, ...]
  attributes: str
  is_root: bool

  @property
  def num_bytes(self) -> int:
    """Of all that it makes."""
    return sum(array.num_bytes for array in self.results)

  def attribute(self, name: str) -> str:
    """The value of an attribute; '' if there is none."""
    found = re.search(
      rf'(?<![\w-]){name}=(\{{[^}}]*\}}|[^,\s]+)', self.attributes
    )
    return found[1].strip('{}') if found else ''

  def called(self, name: str) -> str:
    """The computation that an attribute names."""
    return self.attribute(name).lstrip('%')

  @functools.cached_property
  def all_called(self) -> tuple[str, ...]:
    """Computations that it names in any attribute."""
    return tuple(
      name.strip().lstrip('%')
      for found in _CALLED.findall(self.attributes)
      for name in found.strip('{}').split(',')
    )


Computation = Mapping[str, Instruction]


@dataclasses.dataclass(frozen=True)
class Program:
  """A program of one device.

  Attributes:
    computations: by name; instructions by name, in their order.
    entry: the name of the computation that starts.
  """

  computations: Mapping[str, Computation]
  entry: str

  def runs(self) -> tuple[dict[str, int], int]:
    """How often each computation runs that is no part of a fusion.

    A loop runs as often as its condition's constant says, which is what a scan
    compiles to.

    Returns:
      Times by computation, and the number of loops for which that could not be
      read. They count once.
    """
    times: dict[str, int] = {}
    unknown = 0
    waiting = [(self.entry, 1)]
    while waiting:
      name, count = waiting.pop()
      times[name] = times.get(name, 0) + count
      for instruction in self.computations[name].values():
        if instruction.opcode == 'while':
          trips = self._trips(instruction.called('condition'))
          unknown += trips is None
          waiting.append((instruction.called('body'), count * (trips or 1)))
        elif instruction.opcode in ('call', 'conditional', 'async-start'):
          waiting.extend((each, count) for each in instruction.all_called)
    return times, unknown

  def within(self, instruction: Instruction) -> Iterator[Instruction]:
    """The instruction, or those of a fusion and of fusions in it."""
    if instruction.opcode != 'fusion':
      yield instruction
      return
    for each in self.computations[instruction.called('calls')].values():
      yield from self.within(each)

  def operand(
    self, computation: Computation, instruction: Instruction, index: int
  ) -> Array:
    """The array that an operand is."""
    return computation[instruction.operands[index]].results[0]

  def _trips(self, condition: str) -> int | None:
    """Times that a loop runs which counts up from 0."""
    instructions = [
      each
      for top in self.computations[condition].values()
      for each in self.within(top)
    ]
    limits = {
      int(each.operands[0])
      for each in instructions
      if each.opcode == 'constant'
      and each.results[0].shape == ()
      and each.results[0].dtype in ('s32', 'u32', 's64', 'u64')
    }
    directions = {
      each.attribute('direction')
      for each in instructions
      if each.opcode == 'compare'
    }
    return limits.pop() if len(limits) == 1 and directions == {'LT'} else None


def parse(text: str) -> Program:
  """Reads a program.

  Args:
    text: as `jax.stages.Compiled.as_text` gives it.

  Raises:
    ValueError: it has no entry.
  """
  computations: dict[str, dict[str, Instruction]] = {}
  entry, name = '', ''
  for line in text.splitlines():
    if not line.startswith(' '):
      found = _HEAD.match(line)
      name = found[2] if found else ''
      if found:
        computations[name] = {}
        entry = name if found[1] else entry
    elif name and ' = ' in line:
      instruction = _instruction(_COMMENT.sub('', line))
      if instruction:
        computations[name][instruction.name] = instruction
  if not entry:
    raise ValueError('the text is no program of XLA: it has no entry')
  return Program(computations, entry)


def arrays(text: str) -> tuple[Array, ...]:
  """The arrays of a type, e.g. '(f32[2,3]{1,0}, s32[])'."""
  return tuple(
    Array(
      dtype,
      # A bounded dimension, '<=8', counts as its bound.
      tuple(int(side.strip('<=')) for side in shape.split(',') if side),
      bool(layout and _ON_CHIP.search(layout)),
    )
    for dtype, shape, layout in _ARRAY.findall(text)
  )


def _instruction(line: str) -> Instruction | None:
  found = _NAME.match(line)
  if not found:
    return None
  rest = line[found.end() :]
  end = _closing(rest) if rest.startswith('(') else rest.find(' ')
  kind, rest = rest[:end], rest[end:].lstrip()
  opcode, _, _ = rest.partition('(')
  rest = rest[len(opcode) :]
  end = _closing(rest)
  inside, attributes = rest[1 : end - 1], rest[end:]
  return Instruction(
    name=found[2],
    opcode=opcode,
    results=arrays(kind),
    operands=_operands(inside),
    attributes=attributes,
    is_root=bool(found[1]),
  )


def _closing(text: str) -> int:
  """The place after the bracket that closes the first one."""
  depth = 0
  for place, letter in enumerate(text):
    depth += (letter == '(') - (letter == ')')
    if not depth:
      return place + 1
  return len(text)


def _operands(text: str) -> tuple[str, ...]:
  """Names, where types may stand before them."""
  text = re.sub(r'[\[{(][^\[\](){}]*[\]})]', '', text) if '[' in text else text
  parts = (part.split() for part in text.split(','))
  return tuple(part[-1].lstrip('%') for part in parts if part)
