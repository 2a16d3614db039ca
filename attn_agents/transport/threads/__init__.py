"""Trajectories and parameters passed between threads of one process.

Makes the same promises as `attn_agents.transport.reverb` makes between
processes, without Reverb, copies or ports.
"""
