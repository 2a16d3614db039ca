"""Output of a process that is killed: what it has not flushed is lost."""

import io


class Flushed(io.StringIO):
  """In place of `sys.stdout`; `flushed` is the text that would be left."""

  def __init__(self):
    """Nothing is written yet."""
    super().__init__()
    self.flushed = ''

  @property
  def lines(self) -> list[str]:
    """The lines that would be left."""
    return self.flushed.splitlines()

  def flush(self) -> None:
    """Takes what is written for left."""
    self.flushed = self.getvalue()
