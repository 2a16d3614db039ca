"""Several learner hosts, some as processes of their own."""

import attn_agents  # noqa: F401 - before JAX
