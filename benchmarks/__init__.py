"""Speed, always as a ratio to something that runs alternately beside it."""

# Before NumPy and JAX load: it fits their threads to a container's quota.
import attn_agents as attn_agents
