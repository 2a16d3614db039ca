"""Small helpers that know nothing of agents: machine, Ctrl-C, metrics.csv."""
