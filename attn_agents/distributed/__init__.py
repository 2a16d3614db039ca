"""Processes: the program, its roles, their start, supervision and end."""
