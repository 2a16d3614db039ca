"""Asking a table for several items at a time."""

from collections.abc import Iterator

import numpy as np
from reverb import pybind

# More save no time.
_IN_FLIGHT = 8
# Before an item's columns: its key, probability, table's size, and priority.
_INFO_COLUMNS = 4


class Sampler:
  """Takes items from the tables of a server.

  `reverb.Client.sample` asks for one item, waits for it, and asks for the next:
  a round trip each. This one, of the same library, asks for some at once.
  """

  def __init__(self, address: str):
    """Connects to 'host:port'."""
    self._client = pybind.Client(address)

  def sample(self, table: str, number: int) -> Iterator[list[np.ndarray]]:
    """Yields the columns of so many items, and takes no more than these.

    Blocks in C++ while the table has none to give, also once the server has
    ended: iterate in a thread that may be abandoned.
    """
    sampler = self._client.NewSampler(table, number, min(number, _IN_FLIGHT))
    for _ in range(number):
      yield sampler.GetNextTrajectory()[_INFO_COLUMNS:]
