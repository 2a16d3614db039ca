"""Algorithms: one module each, with its config section and its one object.

What is imported here at module level needs the standard library alone, so that
`configs` can read and refuse settings before JAX loads. Losses and updates are
imported when they are made.
"""
