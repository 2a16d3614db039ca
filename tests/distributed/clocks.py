"""Time that passes only while somebody sleeps."""


class Clock:
  """In place of the module `time`.

  Attributes:
    now: the time; tests may set it.
    slept: how long was asked for each time.
  """

  def __init__(self, step: float | None = None):
    """Starts at 100 s.

    Args:
      step: how long each sleep takes; None: as long as was asked for.
    """
    self.now = 100.0
    self.slept: list[float] = []
    self._step = step

  def monotonic(self) -> float:
    """The time."""
    return self.now

  def sleep(self, seconds: float) -> None:
    """Lets time pass."""
    self.slept.append(seconds)
    self.now += seconds if self._step is None else self._step

  def strftime(self, form: str) -> str:
    """Half past twelve, whatever the time is."""
    assert form == '%H:%M:%S'
    return '12:30:00'
