"""A Ctrl-C that C code cannot lose."""

import signal
from typing import Any


class Interrupt:
  """Raises KeyboardInterrupt, and again wherever `check` is called.

  C code that reads an attribute of an object may drop any exception raised
  meanwhile, a KeyboardInterrupt among them.
  """

  def __init__(self) -> None:
    """Installs no handler yet."""
    self._happened = False

  def listen(self) -> None:
    """Installs the handler, unless SIGINT was ignored from the start."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
      signal.signal(signal.SIGINT, self._handle)

  def check(self) -> None:
    """Raises KeyboardInterrupt if there has been one."""
    if self._happened:
      raise KeyboardInterrupt

  def _handle(self, *_: Any) -> None:
    self._happened = True
    raise KeyboardInterrupt
