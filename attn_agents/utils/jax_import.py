"""Keeps Python's garbage collector out of one moment of `import jax`.

jaxlib makes its registries of pytrees while `jax._src.tree_util` is imported. A
collection that falls between the allocation of such a registry and its
construction visits memory that is not there yet: the process dies of a
segmentation fault. Whether one falls there depends on how many objects exist,
so it is the same at each start of a program, and may change with any import.
"""

import contextlib
import gc
from collections.abc import Iterator

from attn_agents.utils import import_contexts

_MODULE = 'jax._src.tree_util'


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
  collects = gc.isenabled()
  gc.disable()
  try:
    yield
  finally:
    if collects:
      gc.enable()


def protect() -> None:
  """From now on; too late for a process that has imported JAX."""
  import_contexts.add(_MODULE, _without_collections)
