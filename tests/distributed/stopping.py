"""A wish to stop that no signal has to bring."""

import threading


class Stop:
  """As `lifecycle.StopSignal`; `event` is set by the test."""

  def __init__(self):
    self.event = threading.Event()

  def __call__(self):
    return self.event.is_set()
