"""The largest batch that fits: two straight lines, and a proof by compiling."""

import dataclasses
from collections.abc import Callable

from attn_agents.sizing import compiled

# Compilations beside the first one.
_MOST = 5
# Two batches this near each other are one.
_NEAR = 0.02

Measure = Callable[[int], compiled.Update | compiled.Refused]


@dataclasses.dataclass(frozen=True)
class Largest:
  """What was found.

  Attributes:
    per_device: unrolls of a device that were compiled and fit.
    num_bytes: that they take.
    refused: the least that was compiled and did not fit; None if none was.
    tries: compilations beside the first.
  """

  per_device: int
  num_bytes: int
  refused: int | None
  tries: int


def find(
  per_device: int,
  num_bytes: int,
  available: int,
  measure: Measure,
  nearest: Callable[[int], int] = int,
) -> Largest:
  """The largest share of a batch that fits into a device.

  Memory grows with it in a nearly straight line. The first guess takes all of
  it as growing, which is too little; each further one lies on the line through
  two that were compiled. Nothing is said of a size that was not compiled.

  Args:
    per_device: a share that was compiled, and fits.
    num_bytes: that it takes.
    available: of a device.
    measure: compiles another share.
    nearest: the largest share up to the given one that the run's algorithm
      takes.
  """
  fits = (per_device, num_bytes)
  other: tuple[int, int] | None = None
  refused: int | None = None
  guess = max(per_device + 1, per_device * available // num_bytes)
  count = 0
  while count < _MOST:
    guess = nearest(guess)
    if guess <= fits[0] * (1 + _NEAR * bool(count)):
      break
    count += 1
    found = measure(guess)
    if found.num_bytes <= available and isinstance(found, compiled.Update):
      other, fits = fits, (guess, found.num_bytes)
    else:
      # Less than any that was refused before.
      refused = guess
      other = (guess, found.num_bytes)
    guess = _on_the_line(fits, other, available)
    if refused is not None:
      guess = min(guess, refused - 1)
  return Largest(*fits, refused, count)


def _on_the_line(
  first: tuple[int, int], second: tuple[int, int], available: int
) -> int:
  slope = (second[1] - first[1]) / (second[0] - first[0])
  if slope <= 0:
    return 2 * max(first[0], second[0])
  return int(first[0] + (available - first[1]) / slope)
