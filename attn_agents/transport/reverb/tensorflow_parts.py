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
  'framework.dtypes': ('as_dtype', 'float32', 'int64', 'string'),
  'framework.load_library': ('load_op_library',),
  'framework.ops': ('Tensor',),
  'framework.tensor_shape': ('TensorShape',),
  'framework.tensor_spec': ('TensorSpec',),
}


class _Parts(types.ModuleType):
  """Stands for a module of TensorFlow until more of it is asked for."""

  def __getattr__(self, name: str) -> Any:
    # A module that is not loaded yet is looked for in `__path__`.
    if name.startswith('__') and name != '__path__':
      raise AttributeError(
        f'module {self.__name__!r} has no attribute {name!r}'
      )
    whole = _load_whole()
    for part in self.__name__.split('.')[1:]:
      whole = getattr(whole, part)
    return getattr(whole, name)


_loading = threading.RLock()


def _load_whole() -> Any:
  """All of TensorFlow, in the place of its parts."""
  with _loading:
    if isinstance(sys.modules.get(_NAME), _Parts):
      for name, module in list(sys.modules.items()):
        if isinstance(module, _Parts):
          del sys.modules[name]
      del sys.modules[f'{_NAME}.python']
    return importlib.import_module(_NAME)


def load() -> None:
  """Loads as much of TensorFlow as Reverb uses.

  Whoever asks TensorFlow for more afterwards gets it all. Where all of it is
  loaded already, it stays.
  """
  if sys.modules.get(_NAME) is not None:
    return
  sys.modules.pop(_NAME, None)
  spec = importlib.util.find_spec(_NAME)
  if spec is None or not spec.submodule_search_locations:
    # Reverb's own line says how to install it.
    return
  try:
    _load_parts(spec, spec.submodule_search_locations[0])
  except (AttributeError, ImportError):
    # Another version may have them elsewhere.
    _load_whole()


def _load_parts(spec: importlib.machinery.ModuleSpec, path: str) -> None:
  # Without `python/__init__.py`, which imports everything there is.
  python = types.ModuleType(f'{_NAME}.python')
  python.__path__ = [f'{path}/python']
  python.__spec__ = _spec(python.__name__)
  root = _Parts(_NAME)
  root.__path__ = [path]
  root.__spec__, root.__file__ = spec, spec.origin
  sys.modules.update({_NAME: root, python.__name__: python})
  # Modules are looked for in their parents, and this is loaded before all else.
  _module('pywrap_tensorflow')
  _module('eager.context')
  # As all of TensorFlow does: or else the lengths in a shape are no integers.
  _module('compat.v2_compat').enable_v2_behavior()
  found = {
    name: getattr(_module(module), name)
    for module, names in _PARTS.items()
    for name in names
  }
  version = _module('framework.versions').VERSION
  found |= {
    '__version__': version,
    'errors': _module('framework.errors'),
    'version': _part('version', VERSION=version),
  }
  datasets = _module('data.ops.dataset_ops')
  compat = _part(
    'compat',
    v1=_part(
      'compat.v1',
      **found,
      data=_part('compat.v1.data', Dataset=datasets.DatasetV1),
      resource_loader=_module('platform.resource_loader'),
    ),
  )
  for part in (compat, compat.v1):
    sys.modules[part.__name__] = part
  data = _part('data', Dataset=datasets.DatasetV2)
  vars(root).update(found, compat=compat, data=data)
  # From here on `__getattr__` is asked for it.
  del root.__path__


def _module(name: str) -> types.ModuleType:
  return importlib.import_module(f'{_NAME}.python.{name}')


def _part(name: str, **found: Any) -> _Parts:
  made = _Parts(f'{_NAME}.{name}')
  made.__spec__ = _spec(made.__name__)
  vars(made).update(found)
  return made


def _spec(name: str) -> importlib.machinery.ModuleSpec:
  # Whoever looks whether there is such a module finds it.
  return importlib.machinery.ModuleSpec(name, loader=None, is_package=True)
