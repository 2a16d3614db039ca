"""Tables of plain text for terminals and files."""

from collections.abc import Callable, Sequence


def lines(
  rows: Sequence[Sequence[str]], justify: Callable[[str, int], str] = str.ljust
) -> list[str]:
  """Rows as lines whose columns stand below each other.

  Args:
    rows: cells of each row, as many in all; at least one row.
    justify: brings a cell to the width of its column, `str.ljust` or
      `str.rjust`.
  """
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return ['  '.join(map(justify, row, widths)).rstrip() for row in rows]
