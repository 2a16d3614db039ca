"""Requests to stop: the signals that make them, and what they exit with.

A terminal asks by SIGINT (Ctrl-C). A machine asks by SIGTERM, SIGUSR1 or
SIGHUP: batch systems, service managers, a terminal that is closed. Machines
repeat themselves, within a tenth of a second too, and give the time that
saving takes, so only a second Ctrl-C is a hurry.
"""

import atexit
import os
import signal

# Of a command that a machine stopped before its end, which is to be run again:
# EX_TEMPFAIL of sysexits.h.
TO_BE_CONTINUED = 75

_MACHINE = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
# `nohup` and its like set them to be ignored before the command starts.
_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGUSR1)


class Requests:
  """The requests to stop that this process has had.

  Attributes:
    first: number of the first signal, 0 before there is one.
    in_a_hurry: whether Ctrl-C was pressed a second time.
  """

  def __init__(self) -> None:
    """Hears nothing yet."""
    self.first = 0
    self.in_a_hurry = False
    self._interrupts = 0

  def listen(self) -> None:
    """Installs the handlers, for the rest of this process's life.

    Must be called in the main thread. A SIGHUP or SIGUSR1 that is ignored stays
    ignored.
    """
    for number in heard():
      signal.signal(number, self._hear)
    # Python takes its handlers away while it ends. A signal that is repeated
    # then would replace the exit code.
    atexit.register(_ignore_all)

  def _hear(self, number: int, frame: object) -> None:
    del frame
    self.first = self.first or number
    if number == signal.SIGINT:
      self._interrupts += 1
      if self._interrupts > 1 and _is_in_foreground():
        self.in_a_hurry = True


def heard() -> tuple[signal.Signals, ...]:
  """The signals that ask this process to stop."""
  return tuple(
    number
    for number in (signal.SIGINT, *_MACHINE)
    if number not in _MAY_BE_IGNORED
    or signal.getsignal(number) != signal.SIG_IGN
  )


def leave_to_parent() -> None:
  """Ignores SIGHUP and SIGUSR1, in what is started from here too.

  Batch systems signal each process of a job. The parent hears them and asks by
  SIGTERM, once and in the right order.
  """
  for number in _MAY_BE_IGNORED:
    signal.signal(number, signal.SIG_IGN)


def _ignore_all() -> None:
  for number in heard():
    signal.signal(number, signal.SIG_IGN)


def is_by_machine(number: int) -> bool:
  """Whether a machine and not a person at a terminal sends this signal."""
  return number in _MACHINE


def ended_by_request(code: int) -> bool:
  """Whether an exit code is of a command that was stopped, not of a failure.

  Args:
    code: as `subprocess` returns it, negative for a signal that killed it.
  """
  numbers = (signal.SIGINT, *_MACHINE)
  return code == TO_BE_CONTINUED or any(
    code in (-number, 128 + number) for number in numbers
  )


def _is_in_foreground() -> bool:
  """Whether a Ctrl-C of this process's terminal reaches it."""
  try:
    terminal = os.open('/dev/tty', os.O_RDONLY | os.O_NOCTTY)
  except OSError:
    return False
  try:
    return os.tcgetpgrp(terminal) == os.getpgrp()
  except OSError:
    return False
  finally:
    os.close(terminal)
