"""Small helpers that know nothing of agents: the machine, timing, logging."""
