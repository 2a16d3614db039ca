"""Output of a process that is killed: what it has not flushed is lost."""

import io


class Flushed(io.StringIO):
  """In place of `sys.stdout`; `lines` are those that would be left."""

  def __init__(self):
    """Nothing is written yet."""
    super().__init__()
    self.lines: list[str] = []

  def flush(self) -> None:
    """Takes what is written for left."""
    self.lines = self.getvalue().splitlines()
