"""Publishes parameters without making the learner wait."""

import threading
from typing import Protocol

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.transport import interface
from attn_agents.utils import finite


class Publisher(interface.VariablePublisher, Protocol):
  """Publishes later, and may fail meanwhile."""

  def check(self) -> None:
    """Raises if a publication has failed."""


class BackgroundPublisher:
  """Publishes in a thread; skips all but the newest waiting parameters.

  Parameters that are not finite are never published: that is a failure.
  """

  def __init__(self, variables: interface.VariablePublisher):
    """Starts the thread."""
    self._variables = variables
    self._changed = threading.Condition()
    self._newest: tuple[types.Array, int] | None = None
    self._error: BaseException | None = None
    threading.Thread(target=self._run, name='publisher', daemon=True).start()

  def publish(self, values: types.Array, version: int) -> None:
    """Returns at once; `values` may still be computing.

    Raises:
      RuntimeError: an earlier publication failed; the cause is chained.
    """
    self.check()
    with self._changed:
      self._newest = (values, version)
      self._changed.notify()

  def check(self) -> None:
    """Raises if publishing has failed.

    Raises:
      RuntimeError: the cause is chained.
    """
    if self._error is not None:
      raise RuntimeError(
        f'publishing parameters failed: {self._error}'
      ) from self._error

  def _run(self) -> None:
    try:
      while True:
        with self._changed:
          while self._newest is None:
            self._changed.wait()
          (values, version), self._newest = self._newest, None
        if not _is_finite(values):
          raise finite.NotFiniteError(
            f'parameters of update {version} are infinite or NaN; remove the '
            'newest checkpoint, or begin from another run'
          )
        self._variables.publish(values, version)
    except BaseException as error:
      self._error = error


@jax.jit
def _is_finite(values: types.Array) -> jax.Array:
  return jnp.isfinite(values).all()
