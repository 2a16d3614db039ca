"""Losses: pure functions of what a network says and what an actor saw."""
