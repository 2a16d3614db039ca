"""No garbage is collected while jaxlib makes its registries."""

import subprocess
import sys

from attn_agents.utils import jax_import

# Counts the collections that fall into the import of that module.
_COUNT = """
import gc, sys
{first}
within = []

def look(phase, info):
  frame = sys._getframe()
  while frame is not None:
    code = frame.f_code
    # Not its functions, which others call later.
    if code.co_name == '<module>' and code.co_filename.endswith(
      'jax/_src/tree_util.py'
    ):
      within.append(phase)
    frame = frame.f_back

gc.callbacks.append(look)
# So often that some do.
gc.set_threshold(20)
import jax._src.tree_util as tree_util
gc.callbacks.remove(look)
assert gc.isenabled()
assert tree_util.none_leaf_registry
print(len(within))
"""


def _count(first: str) -> int:
  done = subprocess.run(
    [sys.executable, '-c', _COUNT.format(first=first)],
    capture_output=True, text=True, timeout=100, check=True,
  )  # fmt: skip
  return int(done.stdout)


def test_no_collection_falls_into_the_import_of_the_registries():
  assert _count('import attn_agents') == 0
  assert _count('') > 0, 'this way nothing would be found'


def test_it_looks_first_and_once_and_only_for_that_module(monkeypatch):
  others = [object(), object()]
  monkeypatch.setattr(sys, 'meta_path', [*others])
  for _ in range(2):
    jax_import.protect()
  finder, *after = sys.meta_path
  assert after == others
  assert finder.find_spec('json', None) is None
  # Without JAX there is nothing to protect.
  assert finder.find_spec('jax._src.tree_util', []) is None
