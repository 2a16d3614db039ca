"""Scoring: whole games, played by an agent that does not learn meanwhile."""
