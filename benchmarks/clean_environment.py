"""The environment of systems that a benchmark starts.

A benchmark's process changes its own: it computes as a learner does, and keeps
what it compiles. Another system has to do as it does when a user starts it.
"""

import os

from attn_agents.utils import compile_cache

_OWN = frozenset({compile_cache.DIRECTORY, 'GLIBC_TUNABLES'})


def variables() -> dict[str, str]:
  """What this process has, but for what it may have set for itself."""
  return {name: x for name, x in os.environ.items() if name not in _OWN}
