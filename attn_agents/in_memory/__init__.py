"""Trajectories and parameters passed between threads of one process.

The same promises as `attn_agents.replay` makes between processes, without
Reverb, copies or ports.
"""
