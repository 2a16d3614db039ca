"""What accelerators have, as their makers publish it (docs/plan.md)."""

import dataclasses
import math

from configs import errors

_GB = 10**9
_GIB = 2**30
_TERA = 10**12


@dataclasses.dataclass(frozen=True)
class Chip:
  """One device, as JAX counts devices.

  Attributes:
    name: e.g. 'v5e'.
    memory_bytes: of the device.
    peak: FLOP/s of its matrix units, by `network.dtype`.
    bandwidth: bytes/s between the device and its memory.
  """

  name: str
  memory_bytes: int
  peak: dict[str, float]
  bandwidth: float


def _tpu(
  name: str, memory: float, tera: float, bandwidth: float, devices: int = 1
) -> Chip:
  """A device of a chip of `devices`; the numbers are the chip's."""
  # XLA rounds the operands of float32 products to bfloat16 on TPUs, unless it
  # is told otherwise, so that both have one peak.
  peak = tera * _TERA / devices
  return Chip(
    name,
    int(memory / devices),
    {'float32': peak, 'bfloat16': peak},
    bandwidth * _GB / devices,
  )


def _gpu(
  name: str, memory: float, float32: float, bfloat16: float, bandwidth: float
) -> Chip:
  """In GB, TFLOP/s (float32 products in TF32) and GB/s."""
  peak = {'float32': float32 * _TERA, 'bfloat16': bfloat16 * _TERA}
  return Chip(name, int(memory * _GB), peak, bandwidth * _GB)


# Both cores of a chip are devices of their own in v3. In v4 and v5p they are
# one.
TPUS = {
  chip.name: chip
  for chip in (
    _tpu('v3', 32 * _GIB, 123, 900, devices=2),
    _tpu('v4', 32 * _GIB, 275, 1200),
    _tpu('v5e', 16 * _GB, 197, 819),
    _tpu('v5p', 95 * _GB, 459, 2765),
    _tpu('v6e', 32 * _GB, 918, 1638),
  )
}

GPUS = {
  chip.name: chip
  for chip in (
    _gpu('a100', 80, 156, 312, 2039),
    _gpu('h100', 80, 494.7, 989.4, 3350),
    _gpu('h200', 141, 494.7, 989.4, 4800),
    _gpu('l4', 24, 60.5, 121, 300),
  )
}


def gpu(flag: str, value: str) -> Chip:
  """The GPU of a name, or one that is described.

  Args:
    flag: that has it, e.g. '--gpu'.
    value: a name of `GPUS`, or 'name:memory:peak:bandwidth' in GB, TFLOP/s and
      GB/s, e.g. 'rtx4090:24:165:1008'.

  Raises:
    ConfigError: it is neither, with the nearest name.
  """
  name, *numbers = value.split(':')
  if not numbers:
    if name.lower() not in GPUS:
      raise errors.unknown(f'GPU ({flag})', value, GPUS)
    return GPUS[name.lower()]
  try:
    memory, peak, bandwidth = map(float, numbers)
  except ValueError:
    memory = peak = bandwidth = math.nan
  if not (name and all(0 < x < 1e9 for x in (memory, peak, bandwidth))):
    raise errors.ConfigError(
      f'{flag}={value}: expected one of {", ".join(GPUS)}, or '
      'name:memory:peak:bandwidth in GB, TFLOP/s and GB/s, for example '
      'rtx4090:24:165:1008'
    )
  return _gpu(name, memory, peak, peak, bandwidth)
