"""Interpretable attention agents, trained on Atari with actors and a learner.

WORKSPACE.md is the map.

Importing the package changes the process, and is meant to come before NumPy and
JAX:

- In a container whose CPU quota is less than its CPUs, it sets the environment
  variables that size thread pools (`utils/pools.py`). Those that are set stay.
- It names a directory where JAX keeps what it compiled
  (`utils/compile_cache.py`), unless there is one.
- It puts a finder first in `sys.meta_path` (`utils/import_contexts.py`). The
  garbage collector pauses while one module of JAX is imported
  (`utils/jax_import.py`), and rlax is imported without distrax
  (`utils/rlax_import.py`).
"""

from attn_agents.utils import compile_cache, jax_import, pools, rlax_import

# Before NumPy and JAX load.
pools.fit_to_quota()
compile_cache.use()
jax_import.protect()
rlax_import.lighten()
