"""Loads a command of `launch/` within this process, with flags of its own.

Commands define flags of the same names, so each is loaded as if no other had
been, and taken away again: other tests see the flags and modules from before.
"""

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

# Modules that define flags are loaded once. What a command would load first has
# to be there before, or its flags would be taken away with the command's.
from absl import app, flags, logging  # noqa: F401

# Modules and flags of each command that was loaded once.
_LOADED: dict[str, tuple[dict[str, types.ModuleType], dict[str, Any]]] = {}


@contextlib.contextmanager
def command(name: str, *arguments: str) -> Iterator[Any]:
  """The module `launch.<name>`, whose flags are as in these arguments."""
  with alone(name):
    module = importlib.import_module(f'launch.{name}')
    for flag in list(flags.FLAGS):
      if flags.FLAGS[flag].present:
        flags.FLAGS[flag].unparse()
    flags.FLAGS([name, *arguments])
    yield module


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
  """No command is loaded, or the one that was loaded as `name` before."""
  flags_before, modules_before = _copy(flags.FLAGS), _take_modules()
  try:
    if name in _LOADED:
      modules, values = _LOADED[name]
      sys.modules.update(modules)
      flags.FLAGS.__dict__.update(values)
    else:
      # Those of benchmarks, too, which other tests may have imported.
      for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if module.partition('.')[0] in ('launch', 'benchmarks'):
          # A copy: what is deleted leaves this list.
          for flag in tuple(defined):
            delattr(flags.FLAGS, flag.name)
    yield
  finally:
    _LOADED[name] = _take_modules(), _copy(flags.FLAGS)
    sys.modules.update(modules_before)
    flags.FLAGS.__dict__.update(flags_before)


def _take_modules() -> dict[str, types.ModuleType]:
  names = [x for x in sys.modules if x.partition('.')[0] == 'launch']
  return {name: sys.modules.pop(name) for name in names}


def _copy(values: Any) -> dict[str, Any]:
  """What absl knows of flags, down to the lists of each module's."""
  return {
    key: {k: list(v) if isinstance(v, list) else v for k, v in held.items()}
    if isinstance(held, dict)
    else held
    for key, held in values.__dict__.items()
  }
