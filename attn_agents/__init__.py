"""Interpretable attention agents, trained on Atari with actors and a learner.

WORKSPACE.md is the map.
"""

from attn_agents.utils import jax_import, pools

# Before NumPy and JAX load.
pools.fit_to_quota()
jax_import.protect()
