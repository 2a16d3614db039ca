"""Slices of TPUs as libtpu names them: 'v5e:4x4'."""

import dataclasses
import difflib
import math

from attn_agents.clusters import accelerators
from attn_agents.sizing import chips
from configs import errors

# What libtpu calls generations that Google Cloud calls otherwise.
_NAMES = {'v5litepod': 'v5e'}
# Chips whose two cores work as one device. libtpu's default for v4 is two
# devices to a chip, which no virtual machine with them shows.
_MEGACORE = ('v4', 'v5p')
_CORES_AS_DEVICES = ('v3',)
MAX_SLICES = 64


@dataclasses.dataclass(frozen=True)
class Topology:
  """One slice, or several alike.

  Attributes:
    name: e.g. 'v5e:4x4'.
    chip: its device.
    hosts: of all slices.
    devices: of all slices.
    num_slices: how many there are.
    host_bounds: chips of a host along each axis of the torus.
  """

  name: str
  chip: chips.Chip
  hosts: int
  devices: int
  num_slices: int
  host_bounds: tuple[int, int, int]

  @property
  def devices_per_host(self) -> int:
    """Devices that one process sees."""
    return self.devices // self.hosts

  def options(self) -> dict[str, object]:
    """What `jax.experimental.topologies.get_topology_desc` is told."""
    found: dict[str, object] = {'chips_per_host_bounds': self.host_bounds}
    if self.chip.name in _MEGACORE:
      found['chip_config_name'] = 'megacore'
    if self.num_slices > 1:
      found['num_slices'] = self.num_slices
    return found


def names() -> list[str]:
  """All that there are, generation after generation, small ones first."""
  return list(_slices())


def parse(flag: str, value: str, num_slices: int = 1) -> Topology:
  """The slices of a name.

  Args:
    flag: that has it, e.g. '--topology'.
    value: e.g. 'v5e:4x4'.
    num_slices: how many.

  Raises:
    ConfigError: there is no such slice, with the nearest.
  """
  errors.require(
    1 <= num_slices <= MAX_SLICES,
    '--num_slices',
    num_slices,
    f'1 to {MAX_SLICES}',
  )
  known = _slices()
  cloud = [name for name, one in known.items() if one.type == value]
  if value not in known:
    raise errors.ConfigError(
      f'{flag}={value}: there is no such slice of TPUs; the nearest is '
      f'{cloud[0] if cloud else _nearest(value, list(known))}'
    )
  one = known[value]
  name = value.partition(':')[0]
  per_chip = 2 if name in _CORES_AS_DEVICES else 1
  return Topology(
    name=value,
    chip=chips.TPUS[name],
    hosts=one.hosts * num_slices,
    devices=one.chips * per_chip * num_slices,
    num_slices=num_slices,
    host_bounds=_host_bounds(one.chips_per_host),
  )


def _slices() -> dict[str, accelerators.Slice]:
  found = {}
  for cloud_name, generation in accelerators.GENERATIONS.items():
    name = _NAMES.get(cloud_name, cloud_name)
    if name in chips.TPUS:
      for size in generation.sizes:
        one = accelerators.parse('--topology', f'{cloud_name}-{size}')
        found[f'{name}:{one.topology}'] = one
  return found


def _host_bounds(num_chips: int) -> tuple[int, int, int]:
  return {1: (1, 1, 1), 4: (2, 2, 1), 8: (2, 4, 1)}[num_chips]


def _nearest(value: str, known: list[str]) -> str:
  """Of the generation that it names, by chips; by its letters otherwise."""
  name, _, shape = value.lower().partition(':')
  same = [each for each in known if each.startswith(f'{name}:')]
  sides = shape.split('x')
  if same and all(side.isdecimal() and len(side) < 6 for side in sides):
    asked = math.prod(map(int, sides))
    return min(
      same, key=lambda each: abs(math.log(max(asked, 1) / _chips(each)))
    )
  close = difflib.get_close_matches(value.lower(), known, n=1, cutoff=0.0)
  return close[0]


def _chips(name: str) -> int:
  return math.prod(map(int, name.partition(':')[2].split('x')))
