"""Interpretable attention agents, trained on Atari with actors and a learner.

WORKSPACE.md is the map.
"""
