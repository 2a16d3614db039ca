"""What a program of XLA computes, moves and sends, with loops as they run.

XLA's own cost analysis counts the body of a loop once, however often it runs,
and an unroll of a recurrent network is a loop.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from attn_agents.sizing import hlo

_COLLECTIVES = (
  'all-reduce', 'all-gather', 'reduce-scatter', 'collective-permute',
  'all-to-all', 'send',
)  # fmt: skip
# They name arrays, or begin what another instruction ends.
_FREE = frozenset(
  {
    'parameter', 'constant', 'get-tuple-element', 'tuple', 'bitcast', 'while',
    'call', 'conditional', 'after-all', 'copy-done', 'all-reduce-done',
    'all-gather-done', 'collective-permute-done', 'async-done', 'async-start',
    'async-update', 'send-done', 'recv-done', 'partition-id', 'replica-id',
    'opt-barrier', 'slice-done',
  }
)  # fmt: skip
# XLA's own on TPUs: they give a place a name.
_FREE_CALLS = ('AllocateBuffer', 'ConcatBitcast')
_PARTS = ('dynamic-slice', 'slice', 'gather')
_WINDOW = re.compile(r'(\w+)=([\dx_\-]+)')


@dataclasses.dataclass(frozen=True)
class Collective:
  """Alike exchanges between devices.

  Attributes:
    kind: e.g. 'all-reduce'.
    num_bytes: that each of them gives to a device.
    devices: that take part in each; 0 if the program does not say.
    count: how many run.
  """

  kind: str
  num_bytes: int
  devices: int
  count: int


@dataclasses.dataclass(frozen=True)
class Work:
  """Of one device.

  Attributes:
    flops: of products of matrices and of convolutions, a multiplication and an
      addition each; zeros of a padding are not counted.
    moved_bytes: to and from the device's main memory; what stays on the chip is
      not counted, nor what tiles are filled up with.
    collectives: between devices.
    unknown_loops: loops that count once, since how often they run could not be
      read.
  """

  flops: float
  moved_bytes: float
  collectives: tuple[Collective, ...]
  unknown_loops: int


def measure(program: hlo.Program) -> Work:
  """Counts all of it."""
  times, unknown = program.runs()
  flops = moved = 0
  exchanges: dict[tuple[str, int, int], int] = {}
  for name, count in times.items():
    computation = program.computations[name]
    for instruction in computation.values():
      flops += count * _flops(program, computation, instruction)
      moved += count * _moved(program, computation, instruction)
      key = _exchange(instruction)
      if key:
        exchanges[key] = exchanges.get(key, 0) + count
  collectives = tuple(
    Collective(*key, count) for key, count in sorted(exchanges.items())
  )
  return Work(float(flops), float(moved), collectives, unknown)


def _flops(
  program: hlo.Program,
  computation: hlo.Computation,
  instruction: hlo.Instruction,
) -> int:
  if instruction.opcode == 'fusion':
    inner = program.computations[instruction.called('calls')]
    return sum(_flops(program, inner, each) for each in inner.values())
  if instruction.opcode == 'dot':
    left = program.operand(computation, instruction, 0)
    contracted = 1
    for axis in _ints(instruction.attribute('lhs_contracting_dims')):
      contracted *= left.shape[axis]
    return 2 * instruction.results[0].size * contracted
  if instruction.opcode == 'convolution':
    return _convolution(
      instruction,
      program.operand(computation, instruction, 0).shape,
      program.operand(computation, instruction, 1).shape,
    )
  return 0


def _convolution(
  instruction: hlo.Instruction,
  left: Sequence[int],
  right: Sequence[int],
) -> int:
  """Products of an element of the input and one of the kernel, twice."""
  labels = instruction.attribute('dim_labels')
  inputs, kernels, outputs = re.split('_|->', labels)
  output = instruction.results[0].shape
  window = dict(_WINDOW.findall(_braced(instruction.attributes, 'window')))
  products = left[inputs.index('b')] * left[inputs.index('f')]
  products *= output[outputs.index('f')]
  products //= int(instruction.attribute('feature_group_count') or 1)
  products //= int(instruction.attribute('batch_group_count') or 1)
  for index in range(len(labels.split('_')[0]) - 2):
    axis = str(index)
    products *= _positions(
      left[inputs.index(axis)],
      right[kernels.index(axis)],
      output[outputs.index(axis)],
      {name: value.split('x')[index] for name, value in window.items()},
    )
  return 2 * products


def _positions(
  input_size: int, kernel_size: int, output_size: int, window: dict[str, str]
) -> int:
  """Pairs of an output and a kernel's element that meet an input."""
  stride = int(window.get('stride', 1))
  low = int(window.get('pad', '0_0').split('_')[0])
  spread, dilation = (
    int(window.get(name, 1)) for name in ('lhs_dilate', 'rhs_dilate')
  )
  last = (input_size - 1) * spread
  found = 0
  for element in range(kernel_size):
    start = element * dilation - low
    for place in range(start, start + stride * output_size, stride):
      found += 0 <= place <= last and place % spread == 0
  return found


def _moved(
  program: hlo.Program,
  computation: hlo.Computation,
  instruction: hlo.Instruction,
) -> int:
  """Bytes that one instruction reads from main memory and writes to it."""
  opcode = instruction.opcode
  if opcode in _FREE or _called(instruction) in _FREE_CALLS:
    return 0
  operands = [
    computation[name].results[0]
    for name in instruction.operands
    if name in computation and computation[name].results
  ]
  if opcode == 'copy-start':
    # (target, source, context).
    return _main(operands[:1]) + _main(instruction.results[:1])
  if opcode == 'slice-start':
    # ((source), target, context).
    source, target = instruction.results[:2]
    return target.num_bytes * (_in_main(source) + _in_main(target))
  if opcode in _PARTS:
    part = instruction.num_bytes
    return part * _in_main(operands[0]) + _main(instruction.results)
  if opcode == 'dynamic-update-slice':
    # In place.
    return _main(operands[1:2]) + (
      operands[1].num_bytes * _in_main(instruction.results[0])
    )
  if opcode == 'fusion':
    return _moved_by_fusion(program, instruction, operands)
  return _main(operands) + _main(instruction.results)


def _called(instruction: hlo.Instruction) -> str:
  return instruction.attribute('custom_call_target').strip('"')


def _moved_by_fusion(
  program: hlo.Program,
  instruction: hlo.Instruction,
  operands: Sequence[hlo.Array],
) -> int:
  inner = program.computations[instruction.called('calls')]
  moved = 0
  for each in inner.values():
    if each.opcode == 'parameter':
      index = int(each.operands[0])
      if index < len(operands) and _in_main(operands[index]):
        moved += _read(inner, each)
  roots = [each for each in inner.values() if each.is_root]
  if roots and roots[0].opcode == 'tuple':
    roots = [inner[name] for name in roots[0].operands]
  for root, result in zip(roots, instruction.results, strict=False):
    if _in_main(result):
      moved += _written(inner, root)
  return moved


def _read(inner: hlo.Computation, parameter: hlo.Instruction) -> int:
  """Bytes of a fusion's operand: all, or the parts that it takes."""
  users = list(_users(inner, parameter))
  parts = 0
  for user in users:
    first = user.operands[0] == parameter.name
    if first and user.opcode in _PARTS:
      parts += user.num_bytes
    elif not (first and user.opcode == 'dynamic-update-slice'):
      return parameter.num_bytes
  return min(parts, parameter.num_bytes)


def _users(
  inner: hlo.Computation, used: hlo.Instruction
) -> Iterator[hlo.Instruction]:
  for each in inner.values():
    if used.name in each.operands and each.opcode != 'parameter':
      yield each


def _written(inner: hlo.Computation, root: hlo.Instruction) -> int:
  while root.opcode == 'bitcast' and root.operands[0] in inner:
    root = inner[root.operands[0]]
  if root.opcode == 'dynamic-update-slice':
    return inner[root.operands[1]].num_bytes
  return root.num_bytes


def _exchange(instruction: hlo.Instruction) -> tuple[str, int, int] | None:
  kind = instruction.opcode.removesuffix('-start')
  if kind not in _COLLECTIVES:
    return None
  results = [r for r in instruction.results if r.dtype != 'token' and r.shape]
  results = results or list(instruction.results)
  if instruction.opcode in ('all-gather-start', 'collective-permute-start'):
    # (source, target, ...).
    results = results[1:2]
  elif kind == 'send':
    results = results[:1]
  num_bytes = sum(each.num_bytes for each in results)
  return kind, num_bytes, _group(instruction.attributes)


def _group(attributes: str) -> int:
  listed = re.search(r'replica_groups=\{\{([\d,]*)\}', attributes)
  if listed:
    return len(_ints(listed[1]))
  iota = re.search(r'replica_groups=\[\d+,(\d+)\]', attributes)
  return int(iota[1]) if iota else 0


def _braced(attributes: str, name: str) -> str:
  found = re.search(rf'{name}=\{{([^}}]*)\}}', attributes)
  return found[1] if found else ''


def _ints(text: str) -> list[int]:
  return [int(part) for part in text.split(',') if part]


def _in_main(array: hlo.Array) -> bool:
  return not array.on_chip


def _main(arrays: Sequence[hlo.Array]) -> int:
  return sum(array.num_bytes for array in arrays if _in_main(array))
