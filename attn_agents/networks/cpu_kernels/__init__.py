"""Cpu kernels."""
