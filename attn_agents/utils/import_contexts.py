"""Lets modules of libraries be imported within contexts."""

import contextlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence

Context = Callable[[], contextlib.AbstractContextManager[None]]


class _Finder(importlib.abc.MetaPathFinder):
  """Finds these modules, with loaders that execute them in their contexts."""

  def __init__(self) -> None:
    self.contexts: dict[str, Context] = {}

  def find_spec(
    self,
    fullname: str,
    path: Sequence[str] | None,
    target: types.ModuleType | None = None,
  ) -> importlib.machinery.ModuleSpec | None:
    """See the base class; None for all other modules."""
    if fullname not in self.contexts:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is not None and spec.loader is not None:
      execute = spec.loader.exec_module

      def within(module: types.ModuleType) -> None:
        with self.contexts[fullname]():
          execute(module)

      spec.loader.exec_module = within  # type: ignore[method-assign]
    return spec


def add(name: str, context: Context) -> None:
  """From now on; too late for a module that has been imported.

  Args:
    name: of the module, with its packages.
    context: makes what it is executed in.
  """
  finder = next((x for x in sys.meta_path if isinstance(x, _Finder)), None)
  if finder is None:
    finder = _Finder()
    sys.meta_path.insert(0, finder)
  finder.contexts[name] = context
