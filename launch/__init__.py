"""Programs to run; each is a thin layer of flags over `attn_agents`."""
