"""Lets rlax be imported without distrax, and distrax beside any TensorFlow.

distrax loads TensorFlow Probability. That takes more than a second. Where it
finds TensorFlow, it loads all of it, only to copy docstrings, or refuses it
where Reverb has loaded 2.8 before. Of rlax only distributions need distrax, and
nothing here uses them; whoever does, or imports distrax, gets it. Not in two
threads of which one imports TensorFlow.
"""

import contextlib
import importlib
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from typing import Any

from attn_agents.utils import import_contexts, left_out

_DISTRAX = 'distrax'
_TENSORFLOW = 'tensorflow'


class _Later(types.ModuleType):
  """Stands for distrax, and imports it for whoever asks for a part of it."""

  # rlax names it in annotations.
  DistributionLike = Any

  def __init__(self) -> None:
    super().__init__(_DISTRAX)
    # For other threads that look for the package, or a module of it, meanwhile.
    spec = importlib.machinery.PathFinder.find_spec(_DISTRAX)
    if spec is not None:
      self.__spec__ = spec
      self.__path__ = spec.submodule_search_locations or []

  def __getattr__(self, name: str) -> Any:
    if name.startswith('__'):
      raise AttributeError(name)
    _take_away(self)
    return getattr(importlib.import_module(_DISTRAX), name)


def _take_away(later: _Later) -> None:
  if sys.modules.get(_DISTRAX) is later:
    del sys.modules[_DISTRAX]


@contextlib.contextmanager
def _without_distrax() -> Iterator[None]:
  if _DISTRAX in sys.modules:
    yield
    return
  later = _Later()
  sys.modules[_DISTRAX] = later
  try:
    yield
  finally:
    _take_away(later)


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
  hidden = {
    name: module
    for name, module in list(sys.modules.items())
    if name.split('.')[0] == _TENSORFLOW
  }
  for name in hidden:
    del sys.modules[name]
  try:
    with left_out.modules(_TENSORFLOW):
      yield
  finally:
    for name, module in hidden.items():
      sys.modules.setdefault(name, module)


def lighten() -> None:
  """From now on; too late for what a process has imported."""
  import_contexts.add('rlax', _without_distrax)
  import_contexts.add(_DISTRAX, _without_tensorflow)
