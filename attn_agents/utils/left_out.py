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
    # An import of what stands there as None fails as one of a missing module.
    sys.modules[name] = None  # type: ignore[assignment]
  try:
    yield
  finally:
    for name in absent:
      # Unless another thread has loaded it meanwhile.
      if sys.modules.get(name, absent) is None:
        del sys.modules[name]
