"""Modules that count as not installed, where nothing here would use them."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def modules(*names: str) -> Iterator[None]:
  """While imports in it run, for libraries that load them where they can.

  Args:
    names: of the modules, with their packages; those loaded already stay.
  """
  absent = [name for name in names if name not in sys.modules]
  for name in absent:
    _leave_out(name)
  try:
    yield
  finally:
    for name in absent:
      sys.modules.pop(name, None)


def tensorflow() -> None:
  """From now on in this process.

  TensorFlow Probability, which rlax needs, loads all of it where it can, only
  to copy docstrings from it: seconds and memory that nothing here uses.
  `transport.reverb` brings it back, as much of it as Reverb uses. Launchpad
  cannot be imported afterwards.
  """
  _leave_out('tensorflow')


def _leave_out(name: str) -> None:
  # An import of what stands there as None fails as one of a missing module.
  sys.modules[name] = None  # type: ignore[assignment]
