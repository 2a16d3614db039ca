"""A profile of some updates, for TensorBoard's page *Profile*."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax


class Profiler:
  """Records what runs from the start of one update to the end of another."""

  def __init__(
    self,
    directory: pathlib.Path | str,
    updates: tuple[int, int] | None,
    say: Callable[[str], None] = print,
  ):
    """Records nothing yet.

    Args:
      directory: where TensorBoard finds it, in `plugins/profile`.
      updates: (a, b), of the run's updates a to b - 1; None for none. Those
        that the run has behind it are not recorded.
      say: gets a line when the profile is there, or why it is not.
    """
    self._directory = pathlib.Path(directory)
    self._updates = updates
    self._say = say
    self._recording = False

  def before(self, update: int) -> None:
    """Called before each update.

    Args:
      update: its number, the learner steps before it.
    """
    if self._updates is None or self._recording or update != self._updates[0]:
      return
    self._recording = True
    self._attempt(lambda: jax.profiler.start_trace(str(self._directory)))

  def after(self, update: int, result: Any) -> None:
    """Called after each update.

    Args:
      update: as `before`.
      result: of the update, for which the last one that is recorded waits.
    """
    if self._updates is not None and update + 1 >= self._updates[1]:
      if self._recording:
        jax.block_until_ready(result)
      self.close()

  def close(self) -> None:
    """Writes what has been recorded; at the end of a run, too."""
    if not self._recording:
      return
    self._recording, self._updates = False, None
    if self._attempt(jax.profiler.stop_trace):
      self._say(f'the profile is in {self._directory}/plugins/profile')

  def _attempt(self, call: Callable[[], None]) -> bool:
    """Whether it worked; a run goes on without its profile."""
    try:
      call()
    except Exception as error:
      self._recording, self._updates = False, None
      self._say(f'no profile: {type(error).__name__}: {error}')
      return False
    return True
