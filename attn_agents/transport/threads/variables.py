"""Sharing parameters between threads: the newest ones, where they are."""

import threading

import jax

from attn_agents import types


class VariableStore:
  """Holds the newest parameters and their version.

  The array that the learner published is the one that actors get, on the
  device where it was made.
  """

  def __init__(self) -> None:
    """Starts with no parameters."""
    self._changed = threading.Condition()
    self._newest: tuple[int, types.Array] | None = None

  def publish(self, values: types.Array, version: int) -> None:
    """Makes `values` (float32 [P]) the newest parameters, once computed.

    Waits for them: an actor that was given parameters of an update still
    running would stand still until its end. `publisher.BackgroundPublisher`
    keeps that wait from the learner.
    """
    jax.block_until_ready(values)
    with self._changed:
      self._newest = (version, values)
      self._changed.notify_all()

  def make_source(self) -> 'StoreSource':
    """A handle for one actor."""
    return StoreSource(self)

  def wait_newer(
    self, version: int, timeout: float | None
  ) -> tuple[int, types.Array] | None:
    """(version, float32 [P]) newer than `version`; None after `timeout` s."""
    with self._changed:
      self._changed.wait_for(lambda: self._newer(version) is not None, timeout)
      return self._newer(version)

  def _newer(self, version: int) -> tuple[int, types.Array] | None:
    if self._newest is None or self._newest[0] <= version:
      return None
    return self._newest


class StoreSource:
  """An actor's end: knows which version it has."""

  def __init__(self, store: VariableStore):
    """Has none yet."""
    self._store = store
    self._taken = -1

  def take(self) -> tuple[int, types.Array] | None:
    """(version, float32 [P]) if newer than the last taken, else None."""
    newest = self._store.wait_newer(self._taken, timeout=0)
    if newest is not None:
      self._taken = newest[0]
    return newest

  def wait(self, timeout: float | None = None) -> bool:
    """Blocks until parameters are there to take; False after `timeout` s."""
    return self._store.wait_newer(self._taken, timeout) is not None
