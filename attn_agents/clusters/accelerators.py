"""Types of TPU slices, as Google Cloud names them."""

import bisect
import dataclasses
import itertools
import math
import re

from configs import errors

# Of each host of a slice of several hosts.
HOST_CHIPS = 4


@dataclasses.dataclass(frozen=True)
class Generation:
  """A generation of TPUs.

  Attributes:
    sizes: the numbers that its types end with: of chips, or of cores.
    cores_per_chip: 2 where the number counts cores, else 1.
    runtime_version: software of the virtual machine.
    kubernetes: what Kubernetes calls it in a node selector; '' if it does not
      have it.
    dimensions: of the torus of its chips.
    largest_host: chips of the largest slice of one host.
  """

  sizes: tuple[int, ...]
  cores_per_chip: int
  runtime_version: str
  kubernetes: str = ''
  dimensions: int = 2
  largest_host: int = HOST_CHIPS


def _doubled(first: int, last: int) -> tuple[int, ...]:
  sizes = [first]
  while sizes[-1] < last:
    sizes.append(2 * sizes[-1])
  return tuple(sizes)


_BASE = 'tpu-ubuntu2204-base'
GENERATIONS = {
  'v2': Generation((8, 32, 128, 256, 512), 2, _BASE),
  'v3': Generation((8, *_doubled(32, 2048)), 2, _BASE, 'tpu-v3-slice'),
  'v4': Generation(_doubled(8, 4096), 2, _BASE, 'tpu-v4-podslice', 3),
  'v5litepod': Generation(
    (1, 4, *_doubled(8, 256)), 1, 'v2-alpha-tpuv5-lite',
    'tpu-v5-lite-podslice', largest_host=8,
  ),
  'v5p': Generation(
    (*_doubled(8, 4096), 6144, 8192, 12288), 2, 'v2-alpha-tpuv5',
    'tpu-v5p-slice', 3,
  ),
  'v6e': Generation(
    (1, 4, *_doubled(8, 256)), 1, 'v2-alpha-tpuv6e', 'tpu-v6e-slice',
    largest_host=8,
  ),
}  # fmt: skip
# As its documents and other tools write them.
_OTHER_NAMES = {'v5e': 'v5litepod', 'v5lite': 'v5litepod', 'v6': 'v6e'}
_TYPE = re.compile(r'(v\d+[a-z]*)-(\d+)')


@dataclasses.dataclass(frozen=True)
class Slice:
  """One slice of TPUs.

  Attributes:
    type: e.g. 'v5litepod-16'.
    generation: of its chips.
    chips: in all of it.
    hosts: virtual machines.
  """

  type: str
  generation: Generation
  chips: int
  hosts: int

  @property
  def chips_per_host(self) -> int:
    """Chips that one process sees."""
    return self.chips // self.hosts

  @property
  def topology(self) -> str:
    """The sides of its torus, as even as they can be, e.g. '2x4' or '2x2x4'."""
    sides = [s for s in range(1, self.chips + 1) if self.chips % s == 0]
    shapes = (
      shape
      for shape in itertools.combinations_with_replacement(
        sides, self.generation.dimensions
      )
      if math.prod(shape) == self.chips
    )
    even = min(shapes, key=lambda shape: shape[-1] - shape[0])
    # The four chips of one host lie in a plane.
    return '2x2x1' if even == (1, 2, 2) else 'x'.join(map(str, even))


def parse(flag: str, value: str) -> Slice:
  """The slice of a type.

  Args:
    flag: that has it, e.g. '--tpu'.
    value: e.g. 'v5litepod-16'.

  Raises:
    ConfigError: there is no such type, with the nearest.
  """
  found = _TYPE.fullmatch(value.lower())
  name = found[1] if found else value.lower().split('-')[0]
  known = _OTHER_NAMES.get(name, name)
  if found is None or known not in GENERATIONS:
    choices = [
      f'{each}-{size}' for each, g in GENERATIONS.items() for size in g.sizes
    ]
    raise errors.unknown(f'type of TPU slice ({flag})', value, choices)
  generation, size = GENERATIONS[known], int(found[2])
  near = _nearest(generation.sizes, size)
  if value != f'{known}-{near}':
    raise errors.ConfigError(
      f'{flag}={value}: there is no such type of TPU slice; the nearest is '
      f'{known}-{near} ({known} has {", ".join(map(str, generation.sizes))})'
    )
  chips = size // generation.cores_per_chip
  single = chips <= generation.largest_host
  return Slice(value, generation, chips, 1 if single else chips // HOST_CHIPS)


def _nearest(sizes: tuple[int, ...], size: int) -> int:
  place = bisect.bisect_left(sizes, size)
  around = sizes[max(0, place - 1) : place + 1]
  return min(around, key=lambda each: (abs(each - size), -each))
