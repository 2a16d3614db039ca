"""Losses: pure functions of network outputs and unrolls."""
