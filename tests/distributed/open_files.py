"""Whether files that something opens are closed again."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def none_left() -> Iterator[None]:
  """Fails if files are open at the end that were not at the beginning.

  Others may close theirs meanwhile.
  """
  before = _numbers()
  yield
  left = _numbers() - before
  assert not left, f'still open: {sorted(left)}'


def _numbers() -> set[int]:
  found = {int(name) for name in os.listdir('/proc/self/fd')}
  # Without the one that listed them.
  return {number for number in found if _is_open(number)}


def _is_open(number: int) -> bool:
  try:
    os.fstat(number)
  except OSError:
    return False
  return True
