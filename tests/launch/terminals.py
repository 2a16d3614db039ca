"""A terminal that remembers what rich has drawn on it."""

import io
import re
from typing import Any

import rich.console

_CONSOLE = rich.console.Console


class Terminal:
  """Makes consoles of one terminal, 60 columns wide.

  Attributes:
    to_stderr: what each console was asked for.
  """

  def __init__(self) -> None:
    self._file = io.StringIO()
    self.to_stderr: list[bool] = []

  def __call__(self, stderr: bool = False, **options: Any) -> Any:
    self.to_stderr.append(stderr)
    return _CONSOLE(file=self._file, force_terminal=True, width=60, **options)

  def text(self) -> str:
    """All that was drawn, with its codes of colours."""
    return self._file.getvalue()

  def lines(self) -> list[str]:
    """The lines that were drawn, without those codes."""
    text = self.text().replace('\r', '\n')
    return re.sub(r'\x1b\[[?\d;]*[a-zA-Z]', '', text).splitlines()
