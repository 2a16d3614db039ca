"""Trained agents that ship, a directory each; see `attn_agents.runs.exported`.

At most 25 MB in all, which a test holds. docs/zoo.md says how one is added.
"""
