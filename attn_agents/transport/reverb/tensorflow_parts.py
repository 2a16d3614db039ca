"""TensorFlow, of which only what Reverb uses is loaded at once.

Importing TensorFlow takes four times as long as what Reverb uses of it, and a
hundred megabytes more, in every process of a run. Most of that are Keras, with
pandas and SciPy, and two more names for everything.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import threading
import types
from typing import Any

_NAME = 'tensorflow'
# What Reverb and this package take from TensorFlow, by the module that has it.
_PARTS = {
  'tensorflow.python.framework.dtypes': (
    *('as_dtype', 'float32', 'int64', 'string'),
  ),
  'tensorflow.python.framework.load_library': ('load_op_library',),
  'tensorflow.python.framework.ops': ('Tensor',),
  'tensorflow.python.framework.tensor_shape': ('TensorShape',),
  'tensorflow.python.framework.tensor_spec': ('TensorSpec',),
}

# Reverb imports some of them by these names.
_ALIASES = ('tensorflow.compat', 'tensorflow.compat.v1')


class _Parts(types.ModuleType):
  """Stands for TensorFlow until somebody asks it for more than it has."""

  def __init__(self, spec: importlib.machinery.ModuleSpec):
    super().__init__(_NAME)
    self.__spec__ = spec
    self.__file__ = spec.origin
    self._whole: types.ModuleType | None = None
    self._loading = threading.RLock()

  def __getattr__(self, name: str) -> Any:
    # A module that is not loaded yet is looked for in `__path__`.
    if name.startswith('__') and name != '__path__':
      raise AttributeError(f'module {_NAME!r} has no attribute {name!r}')
    return getattr(self._load_whole(), name)

  def _load_whole(self) -> types.ModuleType:
    with self._loading:
      if self._whole is None:
        for module in (_NAME, *_ALIASES, f'{_NAME}.python'):
          sys.modules.pop(module, None)
        self._whole = importlib.import_module(_NAME)
      return self._whole


def load() -> None:
  """Loads rlax, and then as much of TensorFlow as Reverb uses.

  In this order, since rlax needs TensorFlow Probability: where that finds
  TensorFlow, it loads all of it, only to copy docstrings, and where 2.8 was
  loaded before, it refuses it. Whoever asks TensorFlow for more afterwards gets
  it all. Where all of it is loaded already, it stays.
  """
  if sys.modules.get(_NAME) is not None:
    return
  # An import of what stands there as None fails as one of a missing module.
  sys.modules[_NAME] = None  # type: ignore[assignment]
  importlib.import_module('rlax')
  del sys.modules[_NAME]
  spec = importlib.util.find_spec(_NAME)
  if spec is None or not spec.submodule_search_locations:
    # Reverb's own line says how to install it.
    return
  _load_parts(spec, spec.submodule_search_locations[0])


def _load_parts(spec: importlib.machinery.ModuleSpec, path: str) -> None:
  parts = _Parts(spec)
  # Without `python/__init__.py`, which imports everything there is.
  python = types.ModuleType(f'{_NAME}.python')
  python.__path__ = [f'{path}/python']
  parts.__path__ = [path]
  sys.modules.update({_NAME: parts, python.__name__: python})
  # Modules are looked for in their parents, and this is loaded before all else.
  importlib.import_module(f'{_NAME}.python.pywrap_tensorflow')
  importlib.import_module(f'{_NAME}.python.eager.context')
  found = vars(parts)
  for name, names in _PARTS.items():
    module = vars(importlib.import_module(name))
    found.update({x: module[x] for x in names})
  versions = importlib.import_module(f'{_NAME}.python.framework.versions')
  datasets = importlib.import_module(f'{_NAME}.python.data.ops.dataset_ops')
  found.update(
    __version__=versions.VERSION,
    compat=types.SimpleNamespace(v1=parts),
    data=types.SimpleNamespace(Dataset=datasets.DatasetV1),
    errors=importlib.import_module(f'{_NAME}.python.framework.errors'),
    resource_loader=importlib.import_module(
      f'{_NAME}.python.platform.resource_loader'
    ),
    version=types.SimpleNamespace(VERSION=versions.VERSION),
  )
  sys.modules.update(dict.fromkeys(_ALIASES, parts))
  # From here on `__getattr__` is asked for it.
  del parts.__path__
