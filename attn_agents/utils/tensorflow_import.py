"""Keeps TensorFlow out of processes that have no use for it."""

import sys


def hide() -> None:
  """Makes TensorFlow count as not installed in this process.

  TensorFlow Probability, which rlax needs, loads all of it where it can, only
  to copy docstrings from it: seconds and memory that nothing here uses.
  `transport.reverb` brings it back, as much of it as Reverb uses. Launchpad
  cannot be imported afterwards.
  """
  # An import of what stands there as None fails as one of a missing module.
  sys.modules['tensorflow'] = None  # type: ignore[assignment]
