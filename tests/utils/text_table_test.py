"""Tables of plain text."""

import pytest

from attn_agents.utils import text_table

_ROWS = [('run', 'frames'), ('a', '1,000,000'), ('longer', '')]


def test_columns_stand_below_each_other():
  assert text_table.lines(_ROWS) == [
    'run     frames',
    'a       1,000,000',
    'longer',
  ]
  assert text_table.lines(_ROWS, str.rjust) == [
    '   run     frames',
    '     a  1,000,000',
    'longer',
  ]


def test_rows_have_as_many_cells_as_the_others():
  with pytest.raises(ValueError, match='zip'):
    text_table.lines([('a', 'b'), ('c',)])
