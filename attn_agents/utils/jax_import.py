"""Keeps Python's garbage collector out of one moment of `import jax`.

jaxlib makes its registries of pytrees while `jax._src.tree_util` is imported. A
collection that falls between the allocation of such a registry and its
construction visits memory that is not there yet: the process dies of a
segmentation fault. Whether one falls there depends on how many objects exist,
so it is the same at each start of a program, and may change with any import.
"""

import gc
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

_MODULE = 'jax._src.tree_util'


class _Finder(importlib.abc.MetaPathFinder):
  """Finds that module, with a loader that pauses the collector."""

  def find_spec(
    self,
    fullname: str,
    path: Sequence[str] | None,
    target: types.ModuleType | None = None,
  ) -> importlib.machinery.ModuleSpec | None:
    """See the base class; None for all other modules."""
    if fullname != _MODULE:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is not None and spec.loader is not None:
      execute = spec.loader.exec_module

      def paused(module: types.ModuleType) -> None:
        collects = gc.isenabled()
        gc.disable()
        try:
          execute(module)
        finally:
          if collects:
            gc.enable()

      spec.loader.exec_module = paused  # type: ignore[method-assign]
    return spec


def protect() -> None:
  """From now on; too late for a process that has imported JAX."""
  if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Finder())
