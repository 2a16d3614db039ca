"""Ctrl-C that is not lost."""

import signal
from typing import Any


class Interrupt:
  """Raises KeyboardInterrupt, and again where `check` is called.

  C code that asks an object for an attribute drops every exception, and so a
  KeyboardInterrupt that happens to be raised there.
  """

  def __init__(self) -> None:
    """Does not listen yet."""
    self._happened = False

  def listen(self) -> None:
    """Takes SIGINT over, unless whoever started this process has it ignored."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
      signal.signal(signal.SIGINT, self._handle)

  def check(self) -> None:
    """Raises KeyboardInterrupt if there has been one."""
    if self._happened:
      raise KeyboardInterrupt

  def _handle(self, *_: Any) -> None:
    self._happened = True
    raise KeyboardInterrupt
