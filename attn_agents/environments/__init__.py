"""Batched environments: EnvPool Atari and a small NumPy Catch."""
