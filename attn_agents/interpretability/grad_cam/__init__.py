"""Grad cam."""
