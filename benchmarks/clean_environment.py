"""The environment of systems that a benchmark starts.

A benchmark changes its own environment: a learner's memory settings, how
compiled programs are kept, and sizes of thread pools. Another system has to run
without them. A user's own values of these are dropped, too.
"""

import os

from attn_agents.utils import compile_cache, pools

_OWN = frozenset(
  {
    'GLIBC_TUNABLES',
    compile_cache.DIRECTORY,
    *compile_cache.SETTINGS,
    *pools.VARIABLES,
  }
)


def variables() -> dict[str, str]:
  """What this process has, but for what it may have set for itself."""
  return {name: x for name, x in os.environ.items() if name not in _OWN}
